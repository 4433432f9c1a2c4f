// Everything a caller can get wrong in a session ends in a SirenRopeError that says where, changes nothing, and leaves
// model and session usable.
import { esm, failure, feedModel, goldenModel, makeRequest } from './support.mjs';

let model, session, raw, semantic, before;
const { history, candidates, now } = makeRequest(4, 12, 6);
const numbers = (n) => new Float32Array(n).fill(0.25);

beforeAll(async () => {
  model = await esm.loadModel(feedModel, { build: 'simd', limits: { candidates: 1000, events: 500, bytes: 1 << 20 } });
  raw = await esm.loadModel(goldenModel('siren-small'), { build: 'simd' });
  semantic = await esm.loadModel(goldenModel('siren-semantic'), { build: 'simd' });
});
beforeEach(() => {
  session = model.createSession({ history });
  before = session.rank(candidates, { now });
});
afterEach(() => {
  expect(session.count).toBe(history.length);
  expect(session.rank(candidates, { now })).toEqual(before);
  session.dispose();
});

const event = (change) => ({ time: now, item: {}, action: {}, ...change });
const candidate = (change) => ({ item: { video_id: 1 }, context: { tab: 1 }, ...change });

describe('events', () => {
  test.each([
    [{ time: NaN }, 'time', 'history[1].time'],
    [{ time: Infinity }, 'time', 'history[1].time'],
    [{ time: 1e300 }, 'time', 'history[1].time'],
    [{ time: now - 1 }, 'time', 'history[1].time'],
    [{ time: 'yesterday' }, 'time', 'history[1].time'],
    [{ time: '2022-13-01' }, 'time', 'history[1].time'],
    [{ time: new Date(NaN) }, 'time', 'history[1].time'],
    [{ time: undefined }, 'time', 'history[1].time'],
    [{ time: [5] }, 'time', 'history[1].time'],
    [{ time: true }, 'time', 'history[1].time'],
    [{ time: 5n }, 'time', 'history[1].time'],
    [{ item: [1, 2] }, 'feature', 'history[1].item'],
    [{ item: 'seven' }, 'feature', 'history[1].item'],
    [{ item: { video_id: 1.5 } }, 'feature', 'history[1].item.video_id'],
    [{ item: { video_id: {} } }, 'feature', 'history[1].item.video_id'],
    [{ item: { video_id: [[1]] } }, 'feature', 'history[1].item.video_id[0]'],
    [{ item: { video_id: () => 1 } }, 'feature', 'history[1].item.video_id'],
    [{ item: { tab: 16 } }, 'feature', 'history[1].item.tab'],
    [{ item: { tab: -1 } }, 'feature', 'history[1].item.tab'],
    [{ item: { tab: 'one' } }, 'feature', 'history[1].item.tab'],
    [{ item: { duration_s: NaN } }, 'feature', 'history[1].item.duration_s'],
    [{ item: { duration_s: Infinity } }, 'feature', 'history[1].item.duration_s'],
    [{ item: { duration_s: '5' } }, 'feature', 'history[1].item.duration_s'],
    [{ item: { duration_s: 5n } }, 'feature', 'history[1].item.duration_s'],
    [{ action: { click: 'yes' } }, 'feature', 'history[1].action.click'],
    [{ context: { tab: 99 } }, 'feature', 'history[1].context.tab'],
    [{ request: 1.5 }, 'argument', 'history[1].request'],
    [{ request: {} }, 'argument', 'history[1].request'],
    [{ utcOffsetMinutes: NaN }, 'value', 'history[1].utc_offset_minutes'],
    [{ utcOffsetMinutes: 1e9 }, 'value', 'history[1].utc_offset_minutes'],
    [{ utcOffsetMinutes: '480' }, 'argument', 'history[1].utc_offset_minutes'],
    [{ signal: [1] }, 'feature', 'history[1].signal'],
  ])('%p', (change, code, where) => {
    expect(failure(() => session.append([event(), event(change)]))).toMatchObject({
      code,
      where,
      name: 'SirenRopeError',
    });
  });

  test.each([
    [undefined, 'history'],
    [null, 'history'],
    [{}, 'history'],
    ['events', 'history'],
    [new Float32Array(3), 'history'],
    [[null], 'history[0]'],
    [[5], 'history[0]'],
    [[[]], 'history[0]'],
    [new Array(2), 'history[0]'],
  ])('append(%p)', (events, where) => {
    expect(failure(() => session.append(events))).toMatchObject({ code: 'argument', where });
    expect(failure(() => model.createSession({ history: events ?? null }))).toMatchObject({ code: 'argument', where });
  });

  test('earlier than what the session holds', () => {
    expect(failure(() => session.append([event({ time: history[3].time })]))).toMatchObject({
      code: 'time',
      where: 'history[0].time',
    });
  });

  test('bounds: events, bytes, elements', () => {
    expect(failure(() => session.append(new Array(501).fill(event())))).toMatchObject({
      code: 'limit',
      where: 'history',
    });
    expect(failure(() => session.append([event({ item: { video_id: 'x'.repeat(2 << 20) } })]))).toMatchObject({
      code: 'limit',
    });
    expect(failure(() => session.append([event({ item: { tag: new Array(1e6).fill(1) } })]))).toMatchObject({
      code: 'limit',
    });
    expect(failure(() => session.append([event({ item: { tag: new Array(70000).fill(1) } })]))).toMatchObject({
      code: 'limit',
      where: 'history[0].item',
    });
  });

  test('nothing to append is fine', () => session.append([]));

  test('names that every object has are still missing values', () => {
    expect(failure(() => session.append([{ __proto__: { time: NaN }, item: {}, action: {} }]))).toMatchObject({
      code: 'time',
    });
  });
});

describe('candidates', () => {
  test.each([
    [undefined, 'argument', 'candidates'],
    [null, 'argument', 'candidates'],
    [{}, 'argument', 'candidates'],
    [[candidate(), null], 'argument', 'candidates[1]'],
    [[candidate(), candidate({ item: { tab: 1e9 } })], 'feature', 'candidates[1].item.tab'],
    [[candidate(), candidate({ item: 5 })], 'feature', 'candidates[1].item'],
    [[candidate(), candidate({ context: { tab: 'a' } })], 'feature', 'candidates[1].context.tab'],
    [[candidate({ item: { duration_s: NaN } })], 'feature', 'candidates[0].item.duration_s'],
  ])('rank(%p)', (list, code, where) => {
    expect(failure(() => session.rank(list, { now }))).toMatchObject({ code, where });
  });

  test('too many', () => {
    expect(failure(() => session.rank(new Array(1001).fill(candidate())))).toMatchObject({
      code: 'limit',
      where: 'candidates',
    });
  });

  test('none gives an empty answer, also without history', () => {
    expect(session.rank([], { now })).toEqual({ items: [] });
    expect(model.createSession().rank([])).toEqual({ items: [] });
  });

  test.each([
    [{ now: NaN }, 'time', 'now'],
    [{ now: null }, 'time', 'now'],
    [{ now: 'noon' }, 'time', 'now'],
    [{ now: {} }, 'time', 'now'],
    [{ now: Infinity }, 'time', 'now'],
    [{ weights: { love: 1 } }, 'argument', 'weights.love'],
    [{ weights: { like: NaN } }, 'value', 'weights'],
    [{ weights: { like: '1' } }, 'value', 'weights'],
    [{ weights: [1] }, 'argument', 'weights'],
    [{ weights: 5 }, 'argument', 'weights'],
    [{ limit: 0 }, 'argument', 'limit'],
    [{ limit: -1 }, 'argument', 'limit'],
    [{ limit: 1.5 }, 'argument', 'limit'],
    [{ limit: '3' }, 'argument', 'limit'],
    [{ utcOffsetMinutes: NaN }, 'value', 'utc_offset_minutes'],
    [{ utcOffsetMinutes: 'east' }, 'argument', 'utc_offset_minutes'],
    [null, 'argument', 'options'],
    ['now', 'argument', 'options'],
  ])('options %p', (options, code, where) => {
    expect(
      failure(() =>
        session.rank(candidates, options === null || typeof options === 'string' ? options : { now, ...options }),
      ),
    ).toMatchObject({ code, where });
  });

  test('limits beyond the number of candidates are fine', () => {
    expect(session.rank(candidates, { now, limit: 1e9 }).items).toHaveLength(candidates.length);
    expect(session.rank(candidates, { now, limit: Infinity }).items).toHaveLength(candidates.length);
  });

  test('now may lie before the last event', () => {
    expect(session.rank(candidates, { now: 0 }).items).toHaveLength(candidates.length);
  });
});

describe('session options', () => {
  test.each([
    [{ maxHistory: 0 }, 'argument', 'maxHistory'],
    [{ maxHistory: 2.5 }, 'argument', 'maxHistory'],
    [{ maxHistory: 1e9 }, 'limit', 'maxHistory'],
    [{ utcOffsetMinutes: NaN }, 'value', 'utcOffsetMinutes'],
    [{ utcOffsetMinutes: 5000 }, 'value', 'utc_offset_minutes'],
    [{ utcOffsetMinutes: '1' }, 'argument', 'utcOffsetMinutes'],
    [null, 'argument', 'options'],
    [5, 'argument', 'options'],
    [{ history: [event({ time: NaN })] }, 'time', 'history[0].time'],
  ])('%p', (options, code, where) => {
    expect(failure(() => model.createSession(options))).toMatchObject({ code, where });
  });
});

describe('tensors', () => {
  const events = (change) => ({
    item: numbers(48),
    action: numbers(6),
    timestamp: Float64Array.of(100, 200),
    ...change,
  });
  const few = (change) => ({ item: numbers(48), context: numbers(16), now: 300, ...change });
  let tensors;
  beforeAll(() => {
    const { X, Y, Z } = raw.info.sizes;
    expect([X, Y, Z]).toEqual([24, 3, 8]);
    tensors = raw.createSession();
    tensors.appendTensors(events());
  });
  afterEach(() => expect(tensors.count).toBe(2));

  test.each([
    [{ item: numbers(47) }, 'argument', 'item'],
    [{ item: new Float64Array(48) }, 'argument', 'item'],
    [{ item: undefined }, 'argument', 'item'],
    [{ item: Array(48).fill(0) }, 'argument', 'item'],
    [{ action: numbers(7) }, 'argument', 'action'],
    [{ timestamp: new Float32Array(2) }, 'argument', 'timestamp'],
    [{ timestamp: undefined }, 'argument', 'timestamp'],
    [{ timestamp: [300, 400] }, 'argument', 'timestamp'],
    [{ timestamp: Float64Array.of(300, 299) }, 'time', 'history[1].time'],
    [{ timestamp: Float64Array.of(150, 299) }, 'time', 'history[0].time'],
    [{ timestamp: Float64Array.of(300, NaN) }, 'time', 'history[1].time'],
    [{ timestamp: Float64Array.of(300, Infinity) }, 'time', 'history[1].time'],
    [{ item: numbers(48).fill(NaN, 30) }, 'value', 'history[1].item'],
    [{ action: numbers(6).fill(Infinity, 0, 1) }, 'value', 'history[0].action'],
    [{ signal: numbers(1) }, 'argument', 'signal'],
    [{ request: [1] }, 'argument', 'request'],
    [{ request: [1, 1.5] }, 'argument', 'request[1]'],
    [{ request: 'ab' }, 'argument', 'request'],
    [{ utcOffsetMinutes: Float64Array.of(0, 9999) }, 'value', 'history[1].utc_offset_minutes'],
    [{ context: numbers(3) }, 'argument', 'context'],
  ])('appendTensors %p', (change, code, where) => {
    const later =
      change.timestamp === undefined && !('timestamp' in change) ? { timestamp: Float64Array.of(300, 400) } : {};
    expect(failure(() => tensors.appendTensors(events({ ...later, ...change })))).toMatchObject({ code, where });
  });

  test.each([
    [{ item: numbers(47) }, 'argument', 'item'],
    [{ item: [] }, 'argument', 'item'],
    [{ context: undefined }, 'argument', 'context'],
    [{ context: numbers(8) }, 'argument', 'context'],
    [{ now: NaN }, 'time', 'now'],
    [{ now: '300' }, 'argument', 'now'],
    [{ now: undefined }, 'argument', 'now'],
    [{ item: numbers(48).fill(NaN, 5) }, 'value', 'candidates[0].item'],
    [{ context: numbers(16).fill(-Infinity, 9) }, 'value', 'candidates[1].context'],
    [{ utcOffsetMinutes: Infinity }, 'value', 'utcOffsetMinutes'],
  ])('scoreTensors %p', (change, code, where) => {
    expect(failure(() => tensors.scoreTensors(few(change)))).toMatchObject({ code, where });
    expect(tensors.scoreTensors(few())).toHaveLength(2 * raw.info.sizes.T);
  });

  test('no candidates, no events', () => {
    expect(tensors.scoreTensors({ item: numbers(0), context: numbers(0), now: 1 })).toEqual(new Float32Array(0));
    tensors.appendTensors({ item: numbers(0), action: numbers(0), timestamp: new Float64Array(0) });
  });

  test.each([[undefined], [null], [7]])('%p in their place', (value) => {
    for (const call of ['appendTensors', 'scoreTensors', 'angleTensors'])
      expect(failure(() => tensors[call](value))).toMatchObject({ code: 'argument' });
    expect(failure(() => raw.sequenceTensors(value))).toMatchObject({ code: 'argument' });
  });

  test('sequenceTensors needs its context, angleTensors a siren model and a network', async () => {
    expect(failure(() => raw.sequenceTensors(events()))).toMatchObject({ code: 'argument', where: 'context' });
    expect(
      failure(() => raw.sequenceTensors(events({ context: numbers(16), timestamp: Float64Array.of(2, 1) }))),
    ).toMatchObject({ code: 'time' });
    expect(failure(() => tensors.angleTensors({ now: 1, network: 'both' }))).toMatchObject({
      code: 'argument',
      where: 'network',
    });
    const ordinal = await esm.loadModel(goldenModel('ordinal-small'), { build: 'simd' });
    expect(failure(() => ordinal.createSession().angleTensors({ now: 1 }))).toMatchObject({ code: 'unsupported' });
    ordinal.dispose();
  });

  test('raw lists of the wrong length, kind or names', () => {
    const ranked = (item) => raw.createSession().rank([{ item, context: numbers(8) }]);
    expect(ranked(numbers(24)).items).toHaveLength(1);
    expect(failure(() => ranked(numbers(23)))).toMatchObject({ code: 'feature', where: 'candidates[0].item' });
    expect(failure(() => ranked({ a: 1 }))).toMatchObject({ code: 'feature', where: 'candidates[0].item' });
    expect(failure(() => ranked(undefined))).toMatchObject({ code: 'feature', where: 'candidates[0].item' });
    expect(failure(() => ranked(Array(24).fill('1')))).toMatchObject({
      code: 'feature',
      where: 'candidates[0].item[0]',
    });
    expect(failure(() => ranked(Array(24).fill(NaN)))).toMatchObject({ code: 'value', where: 'candidates[0].item' });
    expect(failure(() => ranked(Array(24).fill(1e300)))).toMatchObject({ code: 'value', where: 'candidates[0].item' });
  });

  test('signals', () => {
    const ranked = (signal) => semantic.createSession().rank([{ item: numbers(24), context: numbers(8), signal }]);
    expect(ranked({ s0: 1 }).items).toHaveLength(1);
    expect(failure(() => ranked({ s0: 'x' }))).toMatchObject({ code: 'feature', where: 'candidates[0].signal.s0' });
    expect(failure(() => ranked([1]))).toMatchObject({ code: 'feature', where: 'candidates[0].signal' });
    expect(failure(() => ranked([1, NaN]))).toMatchObject({ code: 'value', where: 'candidates[0].signal' });
    expect(failure(() => ranked(5))).toMatchObject({ code: 'feature', where: 'candidates[0].signal' });
  });
});

describe('angles', () => {
  test.each([
    [[NaN], {}, 'time', 'times[0]'],
    [[0, 'never'], {}, 'time', 'times[1]'],
    ['now', {}, 'argument', 'times'],
    [undefined, {}, 'argument', 'times'],
    [[0], { network: 'x' }, 'argument', 'network'],
    [[0], { utcOffsetMinutes: NaN }, 'value', 'utc_offset_minutes'],
    [[0], { signal: [1] }, 'feature', 'signal'],
    [[0], null, 'argument', 'options'],
  ])('angles(%p, %p)', (times, options, code, where) => {
    expect(failure(() => model.angles(times, options))).toMatchObject({ code, where });
  });
  test('no times', () => expect(model.angles([])).toEqual(new Float64Array(0)));
});

describe('snapshots', () => {
  test('damaged anywhere, cut anywhere, of another model, no bytes', () => {
    const good = session.snapshot();
    for (let i = 0; i < good.length; i += 97) {
      const bad = good.slice();
      bad[i] ^= 0x10;
      expect(failure(() => model.restoreSession(bad))).toMatchObject({ code: expect.stringMatching(/snapshot|limit/) });
      expect(failure(() => model.restoreSession(good.subarray(0, i)))).toMatchObject({ code: 'snapshot' });
    }
    expect(failure(() => raw.restoreSession(good))).toMatchObject({ code: 'snapshot' });
    for (const value of [undefined, null, 'bytes', [1, 2], {}])
      expect(failure(() => model.restoreSession(value))).toMatchObject({ code: 'argument', where: 'snapshot' });
    expect(model.restoreSession(good.buffer).rank(candidates, { now })).toEqual(before);
  });
});

describe('after dispose()', () => {
  const calls = {
    append: (s) => s.append([]),
    rank: (s) => s.rank([]),
    snapshot: (s) => s.snapshot(),
    clear: (s) => s.clear(),
    count: (s) => s.count,
    appendTensors: (s) => s.appendTensors({ item: numbers(0), action: numbers(0), timestamp: new Float64Array(0) }),
    scoreTensors: (s) => s.scoreTensors({ item: numbers(0), context: numbers(0), now: 0 }),
    angleTensors: (s) => s.angleTensors({ now: 0 }),
  };
  test.each(Object.keys(calls))('session.%s', (name) => {
    const gone = model.createSession();
    gone.dispose();
    gone.dispose();
    expect(failure(() => calls[name](gone))).toMatchObject({ code: 'disposed' });
  });

  test('a model, and its sessions', async () => {
    const gone = await esm.loadModel(feedModel, { build: 'simd' });
    const orphan = gone.createSession({ history });
    const bytes = orphan.snapshot();
    gone.dispose();
    gone.dispose();
    for (const name of Object.keys(calls))
      expect(failure(() => calls[name](orphan))).toMatchObject({ code: 'disposed' });
    for (const call of [
      () => gone.createSession(),
      () => gone.restoreSession(bytes),
      () => gone.angles([0]),
      () =>
        gone.sequenceTensors({
          item: numbers(0),
          action: numbers(0),
          timestamp: new Float64Array(0),
          context: numbers(0),
        }),
    ])
      expect(failure(call)).toMatchObject({ code: 'disposed' });
    orphan.dispose();
    expect(gone.info.tasks).toHaveLength(4);
    expect(gone.memoryBytes).toBe(0);
  });

  test('Symbol.dispose is the same', () => {
    const key = Symbol.dispose ?? Symbol.for('Symbol.dispose');
    const gone = model.createSession();
    gone[key]();
    expect(failure(() => gone.count)).toMatchObject({ code: 'disposed' });
    expect(typeof model[key]).toBe('function');
  });
});
