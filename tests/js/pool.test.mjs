// A pool of workers is one session, to the bit: items, scores, ties, explanations, errors and their places; and what happens
// when workers end.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createPool, SirenRopeError } from '../../dist/pool.js';
import { loadPage } from './page_support.mjs';
import { builds, cjs, esm, failure, feedModel, goldenIo, goldenModel, makeRequest, rejection, root } from './support.mjs';

// Every worker that these tests start, so that they can end one, and see that none is left.
const started = new Set();
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (...message) {
  if (!started.has(this)) {
    started.add(this);
    this.once('exit', () => started.delete(this));
  }
  return postMessage.apply(this, message);
};
async function allHaveEnded() {
  for (let i = 0; i < 200 && started.size > 0; i++) await sleep(10);
  return started.size === 0;
}

const sizes = [
  [0, 5],
  [1, 1],
  [7, 20],
  [50, 31],
  [80, 10],
  [3, 0],
];
const requests = sizes.map(([c, n], i) => makeRequest(i + 1, c, n));

let model, pool;
beforeAll(async () => {
  model = await esm.loadModel(feedModel, { build: 'simd' });
  pool = await createPool(feedModel, { build: 'simd', workers: 3 });
});
afterAll(async () => {
  pool.dispose();
  model.dispose();
  expect(await allHaveEnded()).toBe(true);
  Worker.prototype.postMessage = postMessage;
});

const sessionOf = ({ history, utcOffsetMinutes }) => model.createSession({ history, utcOffsetMinutes });
const poolSessionOf = ({ history, utcOffsetMinutes }, from = pool) => from.createSession({ history, utcOffsetMinutes });

describe.each([1, 2, 3, 'auto', undefined])('workers: %p', (workers) => {
  test('ranks as one session', async () => {
    for (const request of requests) {
      const [one, many] = [sessionOf(request), await poolSessionOf(request)];
      const { candidates, now } = request;
      for (const options of [{ now }, { now, limit: 4 }, { now, weights: { like: 2.5, click: -1 }, utcOffsetMinutes: -60 }]) {
        const found = await many.rank(candidates, { ...options, workers });
        expect(found).toEqual(one.rank(candidates, options));
        for (const { item, index } of found.items) expect(item).toBe(candidates[index]);
      }
      one.dispose();
      many.dispose();
    }
  });

  test('explains as one session', async () => {
    const request = requests[2];
    const found = await (await poolSessionOf(request)).rank(request.candidates, { now: request.now, limit: 7, explain: true, workers });
    expect(found).toEqual(sessionOf(request).rank(request.candidates, { now: request.now, limit: 7, explain: true }));
    expect(found.items[0].explanation.events).toHaveLength(request.history.length);
    const empty = makeRequest(9, 2, 0);
    expect(await (await poolSessionOf(empty)).rank([], { explain: true, workers })).toEqual({ items: [] });
  });

  test('ties keep the order of the request', async () => {
    const same = Array.from({ length: 9 }, () => requests[2].candidates[0]);
    const { items } = await (await poolSessionOf(requests[2])).rank(same, { now: requests[2].now, workers, limit: 8 });
    expect(items.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  const good = { item: { video_id: 1 }, context: { tab: 1 } };
  const bad = (item) => ({ item, context: { tab: 1 } });
  test.each([
    ['the last', [...Array(8).fill(good), bad({ tab: 99 })], {}],
    ['several', [...Array(5).fill(good), bad({ tab: 'x' }), good, bad({ tab: 99 }), bad(5)], {}],
    ['one deep inside', [good, good, good, good, bad({ tag: [1, {}] })], {}],
    ['no object', [good, good, null], {}],
    ['a candidate before the options', [good, good, bad({ tab: 99 })], { weights: { like: NaN } }],
    ['a candidate before the offset', [good, good, bad({ tab: 99 })], { utcOffsetMinutes: 1e6 }],
    ['the options', [good, good, good], { weights: { like: NaN } }],
    ['the time', [good, good, good], { now: 'noon' }],
    ['the offset', [good, good, good], { utcOffsetMinutes: 1e6 }],
    ['a task', [good, good, good], { weights: { love: 1 } }],
    ['the limit', [good, good, good], { limit: 0 }],
    ['no list', 'candidates', {}],
    ['options that are none', [good], null],
  ])('the same error: %s', async (_, candidates, options) => {
    const many = await poolSessionOf(requests[2]);
    const one = sessionOf(requests[2]);
    const all = options && { now: requests[2].now, ...options };
    const expected = failure(() => one.rank(candidates, all));
    const { code, where, message } = await rejection(many.rank(candidates, all && { ...all, workers }));
    expect({ code, where, message }).toEqual({ code: expected.code, where: expected.where, message: expected.message });
    expect(await many.rank(requests[2].candidates, { now: 5, workers })).toEqual(one.rank(requests[2].candidates, { now: 5 }));
  });
});

describe.each(builds)('tensors, %s', (build) => {
  let one, many, io, sizesOf, small;
  beforeAll(async () => {
    io = goldenIo('siren-semantic');
    const bytes = readFileSync(goldenModel('siren-semantic'));
    const single = await esm.loadModel(bytes, { build });
    sizesOf = single.info.sizes;
    small = await createPool(bytes, { build, workers: 2 });
    expect(small.info).toEqual(single.info);
    one = single.createSession();
    many = await small.createSession();
  });
  afterAll(() => small.dispose());
  const tensor = (name) => io[name]?.data;
  const events = (from, to) => {
    const rows = (name, width) => tensor(name)?.subarray(from * width, to * width); // views: messages must not take more
    const { X, Y, G } = sizesOf;
    return {
      item: rows('history.item', X),
      action: rows('history.action', Y),
      timestamp: rows('history.timestamp', 1),
      signal: rows('history.signal', G),
    };
  };
  const candidates = () => ({
    item: tensor('candidate.item'),
    context: tensor('candidate.context'),
    signal: tensor('candidate.signal'),
    now: tensor('now')[0],
  });

  test('append and score as one session, without being awaited in between', async () => {
    const c = tensor('history.timestamp').length;
    const calls = [];
    for (const [from, to] of [[0, 1], [1, c - 1], [c - 1, c]]) {
      one.appendTensors(events(from, to));
      calls.push(many.appendTensors(events(from, to)));
      calls.push(many.scoreTensors(candidates(), { workers: 2 }).then((logits) => logits.length));
    }
    const n = io['candidate.item'].shape[0];
    expect(await Promise.all(calls)).toEqual([undefined, n * sizesOf.T, undefined, n * sizesOf.T, undefined, n * sizesOf.T]);
    expect(many.count).toBe(c);
    const expected = one.scoreTensors(candidates());
    for (const workers of [1, 2, 7, undefined])
      expect(Array.from(await many.scoreTensors(candidates(), { workers }))).toEqual(Array.from(expected));
  });

  test('the same errors, the lists in the order in which they are checked', async () => {
    const wrong = (changes) => {
      const all = candidates();
      for (const [name, row] of Object.entries(changes)) {
        all[name] = all[name].slice();
        all[name][row * (all[name].length / io['candidate.item'].shape[0])] = NaN;
      }
      return all;
    };
    const n = io['candidate.item'].shape[0];
    for (const changes of [{ item: n - 1 }, { item: n - 1, context: 0 }, { context: n - 1, signal: 0 }, { signal: n - 1 }, { now: 0 }]) {
      const bad = 'now' in changes ? { ...candidates(), now: NaN } : wrong(changes);
      const { code, where, message } = failure(() => one.scoreTensors(bad));
      expect(await rejection(many.scoreTensors(bad, { workers: 2 }))).toMatchObject({ code, where, message });
    }
    const early = { ...events(0, 1) };
    const { code, where, message } = failure(() => one.appendTensors(early));
    expect(await rejection(many.appendTensors(early))).toMatchObject({ code, where, message });
    expect(await rejection(many.scoreTensors({ ...candidates(), item: [1] }))).toMatchObject({ code: 'argument', where: 'item' });
    expect(await rejection(many.scoreTensors(candidates(), { workers: 0 }))).toMatchObject({ code: 'argument', where: 'workers' });
  });
});

describe('sessions', () => {
  test('append as one session, the oldest drop out', async () => {
    const { history, candidates, now } = makeRequest(11, 60, 12);
    const one = model.createSession({ maxHistory: 30 });
    const many = await pool.createSession({ maxHistory: 30 });
    for (const [from, to] of [[0, 20], [20, 21], [21, 60]]) {
      one.append(history.slice(from, to));
      await many.append(history.slice(from, to));
      expect(many.count).toBe(one.count);
      expect(await many.rank(candidates, { now, workers: 2 })).toEqual(one.rank(candidates, { now }));
    }
    const bad = [history[59], { ...history[59], time: NaN }];
    expect(await rejection(many.append(bad))).toMatchObject({ code: 'time', where: 'history[1].time' });
    expect(await many.rank(candidates, { now, workers: 3 })).toEqual(one.rank(candidates, { now }));
    expect(pool.workers).toBe(3);
  });

  test('several at a time are kept apart', async () => {
    const made = await Promise.all(requests.map((request) => poolSessionOf(request)));
    const found = await Promise.all(requests.map(({ candidates, now }, i) => made[i].rank(candidates, { now })));
    requests.forEach((request, i) => expect(found[i]).toEqual(sessionOf(request).rank(request.candidates, { now: request.now })));
    for (const session of made) session.dispose();
  });

  test.each([
    [{ maxHistory: 0 }, 'argument', 'maxHistory'],
    [{ maxHistory: 1e9 }, 'limit', 'maxHistory'],
    [{ utcOffsetMinutes: 5000 }, 'value', 'utc_offset_minutes'],
    [{ history: 5 }, 'argument', 'history'],
    [{ history: [{ time: NaN, item: {}, action: {} }] }, 'time', 'history[0].time'],
    [null, 'argument', 'options'],
  ])('options %p', async (options, code, where) => {
    expect(await rejection(pool.createSession(options))).toMatchObject({ code, where });
  });

  test('strict, values of any kind and the caller’s own fields stay on this side', async () => {
    class Video {
      get item() {
        return { video_id: 7, duration_s: 3 };
      }
    }
    const candidates = [new Video(), { item: { video_id: 1, play: () => 0 }, element: Symbol('mine') }];
    const many = await pool.createSession();
    expect(await many.rank(candidates, { now: 5, workers: 2 })).toEqual(model.createSession().rank(candidates, { now: 5 }));
    expect(await rejection(many.rank([candidates[0], { item: { tab: () => 1 } }], { workers: 2 }))).toMatchObject({
      code: 'feature',
      where: 'candidates[1].item.tab',
      message: failure(() => model.createSession().rank([candidates[0], { item: { tab: () => 1 } }])).message,
    });
    const strict = await pool.createSession({ strict: true });
    expect(await rejection(strict.rank(candidates))).toMatchObject({ code: 'feature', where: 'candidates[1].item.play' });
  });

  test('after dispose()', async () => {
    const session = await poolSessionOf(requests[2]);
    session.dispose();
    session.dispose();
    expect(await rejection(session.rank([]))).toMatchObject({ code: 'disposed' });
    expect(await rejection(session.append([]))).toMatchObject({ code: 'disposed' });
    expect(failure(() => session.count)).toMatchObject({ code: 'disposed' });
  });
});

describe('limits', () => {
  test('bound the whole request, not a share of it', async () => {
    const limits = { candidates: 20, events: 10, bytes: 3000 };
    const [small, few] = [await esm.loadModel(feedModel, { build: 'simd', limits }), await createPool(feedModel, { build: 'simd', workers: 2, limits })];
    const [one, many] = [small.createSession(), await few.createSession()];
    const wide = (n) => Array.from({ length: n }, () => ({ item: { video_id: 'x'.repeat(600) } }));
    for (const candidates of [wide(21), wide(7), wide(18)]) {
      const { code, where, message } = failure(() => one.rank(candidates));
      expect(code).toBe('limit');
      expect(await rejection(many.rank(candidates, { workers: 2 }))).toMatchObject({ code, where, message });
    }
    expect(await rejection(many.append(Array(11).fill({})))).toMatchObject({ code: 'limit', where: 'history' });
    few.dispose();
  });
});

describe('workers that end', () => {
  const request = makeRequest(21, 50, 40);
  /** Keeps a worker busy for seconds. */
  const long = (session, workers) => session.rank(makeRequest(22, 1, 1000).candidates, { now: request.now, explain: true, workers });
  const newest = (before) => [...started].filter((worker) => !before.has(worker));

  test('a request that one was at is rejected, the next is answered by those that are left', async () => {
    const before = new Set(started);
    const small = await createPool(feedModel, { build: 'simd', workers: 2 });
    const [first, second] = newest(before);
    const session = await poolSessionOf(request, small);
    const asked = rejection(long(session, 2));
    await first.terminate();
    expect(await asked).toMatchObject({ code: 'worker', name: 'SirenRopeError' });
    expect(small.workers).toBe(1);
    const expected = sessionOf(request).rank(request.candidates, { now: request.now });
    expect(await session.rank(request.candidates, { now: request.now, workers: 2 })).toEqual(expected);
    await session.append(request.history.slice(-1).map((event) => ({ ...event, time: request.now })));

    const both = [rejection(long(session, 1)), rejection(session.append([]))];
    await second.terminate();
    expect(await Promise.all(both)).toMatchObject([{ code: 'worker' }, { code: 'worker' }]);
    expect(small.workers).toBe(0);
    expect(await rejection(session.rank(request.candidates))).toMatchObject({ code: 'worker' });
    expect(await rejection(small.createSession())).toMatchObject({ code: 'worker' });
    small.dispose();
  });

  test('events that one could not take any more are taken by the others', async () => {
    const before = new Set(started);
    const small = await createPool(feedModel, { build: 'simd', workers: 2 });
    const session = await poolSessionOf(request, small);
    const appended = session.append([{ time: request.now, item: { video_id: 3 }, action: {} }]);
    await newest(before)[1].terminate();
    await appended;
    const one = sessionOf(request);
    one.append([{ time: request.now, item: { video_id: 3 }, action: {} }]);
    const now = request.now + 1e5;
    expect(await session.rank(request.candidates, { now })).toEqual(one.rank(request.candidates, { now }));
    small.dispose();
  });

  test('dispose() rejects what is asked and ends all of them', async () => {
    const before = new Set(started);
    const small = await createPool(feedModel, { build: 'simd', workers: 2 });
    const workers = newest(before);
    expect(workers).toHaveLength(2);
    const session = await poolSessionOf(request, small);
    const asked = rejection(long(session));
    small.dispose();
    small.dispose();
    expect(await asked).toMatchObject({ code: 'disposed' });
    expect(await rejection(session.rank([]))).toMatchObject({ code: 'disposed' });
    expect(await rejection(small.createSession())).toMatchObject({ code: 'disposed' });
    session.dispose();
    expect(small.workers).toBe(0);
    for (let i = 0; i < 200 && workers.some((worker) => started.has(worker)); i++) await sleep(10);
    expect(workers.filter((worker) => started.has(worker))).toEqual([]);
  });
});

describe('loading', () => {
  let scratch, before;
  beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), 'siren-rope-'))));
  afterAll(() => rmSync(scratch, { recursive: true }));
  beforeEach(() => (before = started.size));
  afterEach(async () => {
    for (let i = 0; i < 200 && started.size > before; i++) await sleep(10);
    expect(started.size).toBe(before); // none is left of a pool that failed
  });

  test.each([
    ['damaged', () => new Uint8Array(100), {}, { code: 'format' }],
    ['cut off', () => readFileSync(feedModel).subarray(0, 50000), {}, { code: expect.stringMatching(/format|tensor/) }],
    ['missing', () => join(root, 'no such file'), {}, { code: 'io' }],
    ['no source', () => 5, {}, { code: 'argument', where: 'source' }],
    ['no options', () => feedModel, null, { code: 'argument', where: 'options' }],
    ['no workers', () => feedModel, { workers: 0 }, { code: 'argument', where: 'workers' }],
    ['half a worker', () => feedModel, { workers: 1.5 }, { code: 'argument', where: 'workers' }],
    ['too many workers', () => feedModel, { workers: 65 }, { code: 'limit', where: 'workers' }],
    ['limits', () => feedModel, { limits: { candidates: -1 } }, { code: 'argument', where: 'limits.candidates' }],
    ['no build', () => feedModel, { build: 'fast' }, { code: 'argument', where: 'build' }],
    ['no worker file', () => feedModel, { workerUrl: pathToFileURL(join(root, 'no such.js')).href }, { code: 'worker' }],
    ['a worker URL that is none', () => feedModel, { workerUrl: 'nowhere.js' }, { code: 'worker', where: 'nowhere.js' }],
  ])('%s', async (_, source, options, expected) => {
    expect(await rejection(createPool(source(), options && { workers: 2, ...options }))).toMatchObject(expected);
  });

  test('a worker that cannot start does not wait for the weights', async () => {
    const never = new ReadableStream({ pull: () => new Promise(() => undefined) });
    expect(await rejection(createPool(never, { workers: 2, workerUrl: 'nowhere.js' }))).toMatchObject({ code: 'worker' });
  });

  test('a worker file that throws', async () => {
    const file = join(scratch, 'throws.mjs');
    writeFileSync(file, 'throw new Error("on purpose");');
    const error = await rejection(createPool(feedModel, { workers: 2, workerUrl: file }));
    expect(error).toMatchObject({ code: 'worker', message: expect.stringContaining('on purpose') });
  });

  test('HTML where weights should be; the wasm compiled by the caller; progress; a stream', async () => {
    const server = createServer((_, response) => response.end('<!doctype html>no such page'));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${server.address().port}/model`;
    expect(await rejection(createPool(url, { workers: 1 }))).toMatchObject({ code: 'network', where: url });
    await new Promise((done) => server.close(done));

    const wasm = await WebAssembly.compile(readFileSync(join(root, 'dist/siren-rope.simd.wasm')));
    const bytes = readFileSync(feedModel);
    const source = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 1e6) controller.enqueue(bytes.subarray(at, at + 1e6));
        controller.close();
      },
    });
    const seen = [];
    const small = await createPool(source, { wasm, workers: 2, onProgress: ({ loadedBytes }) => seen.push(loadedBytes) });
    expect(seen.at(-1)).toBe(bytes.length);
    expect(seen).toHaveLength(Math.ceil(bytes.length / 1e6));
    expect(small.info.build).toBe('simd');
    expect(small.info).toEqual(model.info);
    small.dispose();
    expect(await rejection(createPool(feedModel, { wasm, build: 'relaxed' }))).toMatchObject({ code: 'argument', where: 'build' });
  });

  test('aborted before, while the weights come, and while workers load', async () => {
    const gone = AbortSignal.abort();
    await expect(createPool(feedModel, { signal: gone })).rejects.toBe(gone.reason);
    const never = new ReadableStream({ start: (controller) => controller.enqueue(readFileSync(feedModel).subarray(0, 1000)) });
    const slow = new AbortController();
    const waiting = createPool(never, { signal: slow.signal, workers: 2, onProgress: () => slow.abort(new Error('enough')) });
    await expect(waiting).rejects.toThrow('enough');
    const late = new AbortController();
    const size = readFileSync(feedModel).length;
    const onProgress = ({ loadedBytes }) => loadedBytes === size && late.abort();
    await expect(createPool(feedModel, { signal: late.signal, workers: 2, onProgress })).rejects.toThrow('aborted');
  });

  test('CommonJS has the same', async () => {
    const { createPool: create } = (await import('node:module')).createRequire(import.meta.url)('../../dist/pool.cjs');
    const small = await create(feedModel, { build: 'simd', workers: 2 });
    const [{ candidates, now }, session] = [requests[2], await poolSessionOf(requests[2], small)];
    expect(await session.rank(candidates, { now, workers: 2 })).toEqual(sessionOf(requests[2]).rank(candidates, { now }));
    expect(await rejection(session.rank(5))).toBeInstanceOf(cjs.SirenRopeError);
    small.dispose();
    expect(SirenRopeError).toBe(esm.SirenRopeError);
  });
});

describe('how many workers', () => {
  let shards;
  beforeAll(async () => (shards = await loadPage('bindings/js/shards.ts')));

  test('as many as pay: by candidates, model and history that is not run yet', () => {
    const paper = { event: 1e6, candidate: 1.5e6 };
    const choose = (n, pending, cost = paper) => shards.chooseWorkers(n, pending, cost);
    expect(choose(200, [0, 0])).toBe(2);
    expect(choose(2, [0, 0])).toBe(1);
    expect(choose(0, [0, 0])).toBe(1);
    expect(choose(200, [0, 0], { event: 2e3, candidate: 3e3 })).toBe(1); // a small model
    expect(choose(500, [0, 0, 0, 0])).toBe(4);
    expect(choose(40, [0, 1000])).toBe(1); // the other would run the whole history first
    expect(choose(400, [50, 50])).toBe(2);
    expect(choose(3, [0, 0, 0, 0], { event: 1e9, candidate: 1e9 })).toBe(3);
  });

  test('a token’s cost is its weights’, from what the model is', () => {
    const { event, candidate } = shards.tokenCost(model.info, 50);
    const { D, L } = model.info.sizes;
    const layer = 4 * D * D + 8 * D * D; // attention, and a feed-forward network of 4 D
    const attention = 4 * 50 * D * (L + 1);
    const head = 512 * 136 + 256 * 512 + 4 * 256;
    expect(candidate).toBe(2 * (49 * D + L * layer + 4 * D * D + head) + attention);
    expect(event).toBe(2 * (49 * D + 5 * D + 2 * D * D + L * layer + 2 * D * D) + attention);
  });

  test('shards are contiguous, whole and even', () => {
    for (let n = 0; n < 20; n++)
      for (let workers = 1; workers < 7; workers++) {
        const made = shards.shardsOf(n, workers);
        expect(made).toHaveLength(Math.max(1, Math.min(n, workers)));
        expect(made[0].first).toBe(0);
        expect(made.at(-1).last).toBe(n);
        made.slice(1).forEach(({ first }, i) => expect(first).toBe(made[i].last));
        const widths = made.map(({ first, last }) => last - first);
        expect(Math.max(...widths) - Math.min(...widths)).toBeLessThanOrEqual(1);
      }
  });

  test('NaN scores go last, in the request’s order', () => {
    const part = (index, score) => ({ index: Uint32Array.from(index), score: Float64Array.from(score), probabilities: new Float32Array(index.length) });
    const merged = shards.mergeRankings(
      shards.shardsOf(6, 2),
      [part([1, 0, 2], [Infinity, 0.5, NaN]), part([2, 0, 1], [Infinity, 0.5, NaN])],
      0,
    );
    expect(Array.from(merged.index)).toEqual([1, 5, 0, 3, 2, 4]);
  });
});
