// The page's time.ts: windows hold their time and begin where the clock does, ticks stand inside, words are UTC.
import { loadPage, randomFrom, times } from './page_support.mjs';

const { SPANS, SPAN_NAMES, DAY, HOUR, MINUTE, WEEK, windowAround, timesOf, ticksOf, timeWords, clockWords, durationWords } = await loadPage('demo/src/maths/time.ts');
const { MOST_TIME } = await loadPage('demo/src/state/state.ts');

const random = randomFrom(7);
/** Any time that the state allows; half of them on a border of hours, days or weeks. */
const anyTime = () => {
  const time = random.between(0, MOST_TIME);
  const unit = random.one([1, MINUTE, HOUR, DAY, WEEK]);
  return random.coin() ? time : Math.floor(time / unit) * unit;
};

test.each(SPAN_NAMES)('%s: the window holds the time, has its length and begins where the clock does', (span) => {
  const { ms, align } = SPANS[span];
  for (let round = 0; round < 100; round++) {
    const time = anyTime();
    const { from, to } = windowAround(time, span);
    expect(to - from).toBe(ms);
    expect(from <= time && time < to).toBe(true);
    const begin = new Date(from);
    expect([begin.getUTCMinutes(), begin.getUTCSeconds(), begin.getUTCMilliseconds()]).toEqual([0, 0, 0]);
    if (align >= DAY) expect(begin.getUTCHours()).toBe(0);
    if (align >= WEEK) expect(begin.getUTCDay()).toBe(1); // Monday
    // what scrubbing inside it asks for, it has already: the same window for the whole hour, day or week that it stands around
    const own = from + Math.floor((time - from) / align) * align;
    expect(windowAround(own, span)).toEqual({ from, to });
    expect(windowAround(own + align - 1, span)).toEqual({ from, to });
    expect(windowAround(own + align, span)).toEqual({ from: from + align, to: to + align });
    // longer ones stand around it: nearly as much before as after
    expect(Math.abs(own - from - (to - own - align))).toBeLessThanOrEqual(align);
  }
});

test('the windows of a known time', () => {
  const time = Date.UTC(2024, 0, 25, 8, 30); // a Thursday
  const of = (span) => Object.values(windowAround(time, span)).map((t) => new Date(t).toISOString().slice(0, 16));
  expect(of('hour')).toEqual(['2024-01-25T08:00', '2024-01-25T09:00']);
  expect(of('day')).toEqual(['2024-01-25T00:00', '2024-01-26T00:00']);
  expect(of('week')).toEqual(['2024-01-22T00:00', '2024-01-29T00:00']);
  expect(of('month')).toEqual(['2024-01-15T00:00', '2024-02-12T00:00']);
  expect(of('season')).toEqual(['2023-12-18T00:00', '2024-03-11T00:00']);
});

test('timesOf: n equal steps from the beginning on, the end not among them', () => {
  for (let round = 0; round < 30; round++) {
    const window = windowAround(anyTime(), random.one(SPAN_NAMES));
    const n = random.whole(1, 1500);
    const found = timesOf(window, n);
    expect([found.length, found[0]]).toEqual([n, window.from]);
    const step = (window.to - window.from) / n;
    const off = found.map((time, i) => Math.abs(time - window.from - i * step));
    expect(Math.max(...off)).toBeLessThan(1e-2); // doubles near 4e12 are 5e-4 apart
    expect(found.at(-1)).toBeLessThan(window.to);
  }
});

test('ticks are inside, equally far apart, as many as there is room for, and stand at round times', () => {
  for (let round = 0; round < 200; round++) {
    const window = windowAround(anyTime(), random.one(SPAN_NAMES));
    // also windows that end anywhere, as "the span up to the query" does
    const { from, to } = random.coin() ? window : { from: window.from + random.between(0, HOUR), to: window.to + random.between(0, HOUR) };
    const room = random.between(0, 30);
    const ticks = ticksOf({ from, to }, room);
    // the widest step is four weeks: three of them in twelve weeks
    expect(ticks.length).toBeLessThanOrEqual(Math.max(3, room) + 1);
    const gaps = new Set(ticks.slice(1).map(({ time }, i) => time - ticks[i].time));
    expect(gaps.size).toBeLessThanOrEqual(1);
    for (const { time, label, strong } of ticks) {
      expect(time >= from && time <= to).toBe(true);
      expect(time % (5 * MINUTE)).toBe(0);
      expect(label).not.toBe('');
      const date = new Date(time);
      const isMidnight = date.getUTCHours() === 0 && date.getUTCMinutes() === 0;
      expect(strong).toBe(isMidnight && (to - from <= WEEK || date.getUTCDay() === 1));
      if (/^\d\d:\d\d$/.test(label)) expect(label).toBe(date.toISOString().slice(11, 16));
      else expect([isMidnight, label.slice(0, 3)]).toEqual([true, ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][date.getUTCDay()]]);
    }
  }
});

test('known ticks; and some in every window of pictures narrow and wide', () => {
  const labels = (span, room) => ticksOf(windowAround(Date.UTC(2024, 0, 25, 8, 30), span), room).map(({ label }) => label);
  expect(labels('day', 8)).toEqual(['00:00', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00', '00:00']);
  expect(labels('hour', 4)).toEqual(['08:00', '08:15', '08:30', '08:45', '09:00']);
  expect(labels('week', 10)).toEqual(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun', 'Mon']);
  expect(labels('month', 4)).toEqual(['Mon 15 Jan', 'Mon 22 Jan', 'Mon 29 Jan', 'Mon 5 Feb', 'Mon 12 Feb'].map((text) => expect.stringContaining(text.slice(4))));
  for (const span of SPAN_NAMES) for (const room of times(40, (i) => i)) expect(labels(span, room).length).toBeGreaterThan(0);
});

test('times are said in UTC, durations in the unit that fits', () => {
  expect(timeWords(Date.UTC(2024, 0, 31, 8, 30))).toMatch(/^Wed,? 31 Jan 2024, 08:30$/);
  expect(clockWords(Date.UTC(2024, 6, 1, 0, 5))).toBe('00:05');
  const cases = [[0, '0 min'], [25 * MINUTE, '25 min'], [HOUR, '1 h'], [-90 * MINUTE, '1.5 h'], [24 * HOUR, '24 h'], [3 * DAY, '3 days'], [7 * DAY, '7 days'], [4 * WEEK, '4 weeks']];
  for (const [ms, words] of cases) expect(durationWords(ms)).toBe(words);
  for (let round = 0; round < 100; round++) {
    const ms = random.between(0, 1) * 10 ** random.between(4, 10);
    const [value, unit] = durationWords(ms).split(' ');
    const size = { min: MINUTE, h: HOUR, days: DAY, weeks: WEEK }[unit];
    expect(Math.abs(Number(value) * size - ms)).toBeLessThanOrEqual((unit === 'min' ? 0.5 : 0.0501) * size);
  }
});
