// requests.mjs: made-up requests for tests. No imports: runs in every runtime's test.

/** A seeded generator of numbers in 0..1 (mulberry32). */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A made-up request in the bundled model's schema: C events, N candidates; the fields of `siren-rope rank`. */
export function makeRequest(seed, c, n) {
  const next = random(seed);
  const whole = (most) => Math.floor(next() * most);
  const item = () => ({
    video_id: next() < 0.5 ? whole(7000) : String(whole(7000)),
    ...(next() < 0.8 && { author_id: whole(1e6) }),
    tag: next() < 0.2 ? whole(60) : Array.from({ length: whole(4) }, () => whole(60)),
    tab: whole(15),
    duration_s: next() < 0.1 ? null : next() * 100,
    title: 'for people',
  });
  let time = 1651300000000;
  const history = Array.from({ length: c }, () => ({
    time: next() < 0.2 ? new Date(time).toISOString() : time,
    item: item(),
    action: { click: next() < 0.5, long_view: whole(2), like: 0, watch_ratio: next() * 3 },
    context: { tab: whole(15) },
    ...(next() < 0.3 && { request: next() < 0.5 ? whole(5) : `r${whole(5)}` }),
    ...(next() < 0.2 && { utcOffsetMinutes: whole(24) * 60 - 720 }),
    ...((time += next() < 0.2 ? 0 : whole(4e6)) && {}),
  }));
  const candidates = Array.from({ length: n }, (_, id) => ({ id, item: item(), context: { tab: whole(15) } }));
  return { id: seed, now: time + 60000, utcOffsetMinutes: 480, history, candidates };
}

/** The same request with the command line's field names. */
export function toLine({ utcOffsetMinutes, history, ...rest }) {
  return {
    ...rest,
    utc_offset_minutes: utcOffsetMinutes,
    history: history.map(({ utcOffsetMinutes: utc_offset_minutes, ...event }) => ({ ...event, utc_offset_minutes })),
  };
}
