// The page's state.ts: an address says the whole state, and no address can say another thing than a state within its bounds.
import { loadPage, randomFrom, times } from './page_support.mjs';

const { BOUNDS, FIELDS, MOST_PAIRS, MOST_TIME, STATE_KEYS, initialState, readState, writeState } = await loadPage('demo/src/state/state.ts');

const MINUTE = 60_000;
const EDITS = 200;
const MOVED = 60 * 24 * 400;
const distinct = (n, make) => [...new Set(times(n, make))];

/** A state within all bounds, fields at random at their first values. */
function randomState(random) {
  const real = (name) => random.one([...BOUNDS[name], random.between(...BOUNDS[name])]);
  const whole = (name) => random.whole(...BOUNDS[name]);
  const text = (n) => String.fromCodePoint(...times(n, () => random.one([random.whole(32, 126), random.whole(160, 0xd7ff), random.whole(0x1f300, 0x1f600)])));
  const edit = () => ({ moved: random.coin() ? 0 : random.one([-MOVED, MOVED, random.whole(-MOVED, -1), random.whole(1, MOVED)]), liked: random.coin(), removed: random.coin() });
  const any = {
    model: random.one(['rhythm', 'kuairand', 'live', 'file', 'https://example.org/a/b.safetensors?x=1&y=%2F#z', text(random.whole(1, 300))]),
    network: random.one(['layers', 'action']),
    time: random.coin() ? null : random.one([0, Math.floor(MOST_TIME / MINUTE) * MINUTE, Math.floor(random.between(0, MOST_TIME / MINUTE)) * MINUTE]),
    span: random.one(['hour', 'day', 'week', 'month', 'season']),
    perDay: real('perDay'),
    pairs: distinct(random.whole(0, MOST_PAIRS), () => random.whole(0, 4096)),
    unwrapped: random.coin(),
    sine: random.coin(),
    relu: random.coin(),
    order: random.coin(),
    moment: random.coin() ? null : whole('moment'),
    person: whole('person'),
    edits: new Map(distinct(random.one([0, 1, 3, EDITS]), () => random.whole(0, 9999)).map((place) => [place, edit()])),
    chapter: whole('chapter'),
    dayHours: real('dayHours'),
    weekHours: real('weekHours'),
    weekShare: real('weekShare'),
    strength: real('strength'),
    seed: whole('seed'),
  };
  return Object.fromEntries(STATE_KEYS.map((name) => [name, random.unit() < 0.3 ? FIELDS[name].initial : any[name]]));
}

test('what is written is read again, and says no more than it must', () => {
  const random = randomFrom(11);
  for (let round = 0; round < 300; round++) {
    const state = randomState(random);
    const text = writeState(state);
    expect(readState(text)).toEqual(state);
    expect(writeState(readState(text))).toBe(text);
    expect(text).toMatch(/^[\x21-\x7e]*$/); // an address has neither spaces nor letters of other scripts
    expect(text).not.toContain('#');
    expect(new URL(`https://example.org/#${text}`).hash.slice(1)).toBe(text); // as a browser gives it back
    const said = [...new URLSearchParams(text).keys()];
    const changed = STATE_KEYS.filter((name) => JSON.stringify(FIELDS[name].write(state[name])) !== JSON.stringify(FIELDS[name].write(FIELDS[name].initial)));
    expect(said).toEqual(changed.map((name) => FIELDS[name].key));
  }
});

test('every field has a key of its own, and the random states above cover every field', () => {
  expect(new Set(STATE_KEYS.map((name) => FIELDS[name].key)).size).toBe(STATE_KEYS.length);
  const random = randomFrom(12);
  const states = times(50, () => randomState(random));
  for (const name of STATE_KEYS) expect(new Set(states.map((state) => FIELDS[name].write(state[name]))).size).toBeGreaterThan(1);
});

test('the first state is the empty text, and an empty text the first state', () => {
  expect(writeState(initialState())).toBe('');
  for (const text of ['', '?', '&&&', '=', '==', 'nothing=1', 'T=2024-01-01T00:00', '#', '%', '%E0%A4%A', '\0']) expect(readState(text)).toEqual(initialState());
});

test('a known address', () => {
  const state = { ...initialState(), model: 'https://example.org/m.safetensors', time: Date.UTC(2024, 0, 25, 8, 30), pairs: [], edits: new Map([[3, { moved: 0, liked: true, removed: false }], [7, { moved: -90, liked: false, removed: false }], [12, { moved: 5, liked: true, removed: true }]]) };
  const text = 'model=https://example.org/m.safetensors&t=2024-01-25T08:30&pairs=&edits=3l.7m-90.12lrm5';
  expect(writeState(state)).toBe(text);
  expect(readState(text)).toEqual(state);
});

const hostile = [
  ' ', '\t\n', 'NaN', 'Infinity', '-Infinity', '1e999', '-1', '-1e9', '1e9', 'null', 'undefined', 'true', '[object Object]', '__proto__', 'constructor', '1,5', '1_000', '0x', '1n', '１', '٣',
  '9'.repeat(400), `${'0.'.repeat(200)}x`, '<script>alert(1)</script>', '"><img src=x>', "'; DROP TABLE", '\0', '\u202e1', '..', '.', '1..2', '0.1.2.x', '1;2', '{"a":1}', '2024-13-40T99:99', '2024-01-25', '2024-01-25T08:30Z', '2024-01-25T08:30:00', '99999-01-01T00:00',
  '+002024-01-01T00:00', '2100-01-01T00:00', '1969-12-31T23:59', '3ll', '3rl', 'l', 'm5', '3m', '3m--5', '3m1.5', '3m1234567', `3m${MOVED + 1}`, `3m-${MOVED + 1}`, '12345l', '-3l', '3L', '3l.', '.3l', '3l,4l', '4097.99999', 'layers ', 'Action', 'hours', 'DAY', '01', '10', 'yes',
];
/** What of these is a value, after all: '01' is a number, '10' an event without an edit, '3m1.5' two of them. */
const fine = { perDay: ['10', '01'], pairs: ['10', '01'], moment: ['10', '01'], person: ['10', '01'], edits: ['10', '01', '3m1.5'], chapter: ['01'], dayHours: ['10'], weekShare: ['01'], strength: ['01'], seed: ['10', '01'] };

test.each(STATE_KEYS.filter((name) => name !== 'model'))('%s: junk is its first value', (name) => {
  for (const text of hostile) {
    if (fine[name]?.includes(text)) continue;
    const said = new URLSearchParams([[FIELDS[name].key, text]]).toString();
    expect([text, readState(said)]).toEqual([text, initialState()]);
  }
});

test.each(Object.keys(BOUNDS))('%s: its bounds are in, what is beyond is out', (name) => {
  const { key, initial, write } = FIELDS[name];
  const [least, most] = BOUNDS[name];
  const read = (text) => readState(`${key}=${text}`)[name];
  if (name === 'time') {
    expect(read('1970-01-01T00:00')).toBe(0);
    expect(read(write(most - MINUTE))).toBe(Math.round((most - MINUTE) / MINUTE) * MINUTE);
    for (const time of [least - MINUTE, most + MINUTE]) expect(read(write(time))).toBe(initial);
    return;
  }
  expect([read(least), read(most)]).toEqual([least, most]);
  for (const value of [least - 1e-6, least - 1, most + 1e-6, most + 1, 1e300]) expect(read(value)).toBe(initial);
  if (['moment', 'person', 'chapter', 'seed'].includes(name)) expect(read(least + 0.5)).toBe(initial);
});

test('lists and texts are no longer than their bounds', () => {
  const pairs = (n) => readState(`pairs=${times(n, (i) => i + 1).join('.')}`).pairs;
  expect(pairs(MOST_PAIRS)).toHaveLength(MOST_PAIRS);
  expect(pairs(MOST_PAIRS + 1)).toBe(FIELDS.pairs.initial);
  expect(readState('pairs=5.5.1.5').pairs).toEqual([5, 1]);
  expect(readState('pairs=4096').pairs).toEqual([4096]);
  expect(readState('pairs=4097').pairs).toBe(FIELDS.pairs.initial);

  const edits = (n) => readState(`edits=${times(n, (i) => `${i}l`).join('.')}`).edits;
  expect(edits(EDITS).size).toBe(EDITS);
  expect(edits(EDITS + 1).size).toBe(0);
  expect(readState(`edits=0m${MOVED}.1m-${MOVED}`).edits).toEqual(new Map([[0, { moved: MOVED, liked: false, removed: false }], [1, { moved: -MOVED, liked: false, removed: false }]]));

  const model = (n) => readState(`model=${'x'.repeat(n)}`).model;
  expect(model(2000)).toHaveLength(2000);
  expect([model(2001), model(0), model(1e6)]).toEqual(['rhythm', 'rhythm', 'rhythm']);
});

test('random texts of the address’s own letters are read as a state within bounds, quickly', () => {
  const random = randomFrom(13);
  const pieces = [...STATE_KEYS.map((name) => FIELDS[name].key), ...'=&.%-:+lrmT0123456789', '=', '&', '1e9', 'NaN', '%41', 'm-9'];
  for (let round = 0; round < 500; round++) {
    const state = readState(times(random.whole(0, 60), () => random.one(pieces)).join(''));
    for (const [name, [least, most]] of Object.entries(BOUNDS)) expect(state[name] === FIELDS[name].initial || (state[name] >= least && state[name] <= most)).toBe(true);
    expect(state.pairs.length <= MOST_PAIRS && state.pairs.every((pair) => Number.isInteger(pair) && pair >= 0 && pair <= 4096)).toBe(true);
    expect(state.edits.size).toBeLessThanOrEqual(EDITS);
    expect(readState(writeState(state))).toEqual({ ...state, ...(state.time !== null && { time: Math.round(state.time / MINUTE) * MINUTE }) });
  }
  const begun = Date.now();
  for (const text of ['edits=', 'pairs=', 't=', 'model=', 'day=']) for (const part of ['1.', '1l', 'm-', '9', ' ']) readState(text + part.repeat(1e5));
  expect(Date.now() - begun).toBeLessThan(10_000);
});
