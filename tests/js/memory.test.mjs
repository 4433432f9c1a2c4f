// Memory comes back: of models that were disposed of or forgotten, and of sessions that were forgotten; and using does
// not add.
import { setTimeout as sleep } from 'node:timers/promises';
import { modelPieces, rawRequest, weightBytes } from './made_model.mjs';
import { builds, esm, failure, feedModel, makeRequest } from './support.mjs';

const load = () => esm.loadModel(feedModel, { build: 'simd' });
const request = makeRequest(3, 50, 100);

async function collect() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await sleep(20);
  }
}

async function wasmBytes() {
  await collect();
  return process.memoryUsage().external; // wasm memories count there
}

test('gc can be called', () => expect(typeof globalThis.gc).toBe('function'));

test('a hundred loads and disposals leave memory where it was', async () => {
  for (let i = 0; i < 3; i++) (await load()).dispose();
  const before = await wasmBytes();
  const kept = [];
  for (let i = 0; i < 100; i++) {
    const model = await load();
    model.createSession({ history: request.history }).rank(request.candidates);
    model.dispose();
    kept.push(model); // disposed, not forgotten: dispose() alone must do
  }
  expect((await wasmBytes()) - before).toBeLessThan(2e6);
  expect(kept).toHaveLength(100);
});

// The file is whole nowhere in wasm, weights lie there once, and what a session needs besides its caches is little.
describe.each(builds)('%s: what a model of 5.5 million weights takes, with a session of 256 events that ranked', (build) => {
  test.each(['F32', 'F16', 'I8'])('%s', async (dtype) => {
    const sizes = { layers: 6, width: 256, hidden: 1024, dtype };
    const pieces = modelPieces(sizes);
    const stream = new ReadableStream({
      pull: (controller) => {
        const { done, value } = pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    const model = await esm.loadModel(stream, { build });
    const { history, candidates, now } = rawRequest(256, 500);
    const session = model.createSession({ history });
    expect(session.rank(candidates, { now }).items).toHaveLength(500);
    const caches = 4 * (2 * 7 * 256 * 256 + 256 * (64 + 4)); // src/README.md: 2·(L+1)·C·D + C·(X+Y) floats
    expect(model.memoryBytes).toBeLessThan(1.25 * weightBytes(sizes) + caches + 4e6);
    model.dispose();
  });
});

test('models that were only forgotten are collected', async () => {
  const before = await wasmBytes();
  for (let i = 0; i < 30; i++) await load();
  expect((await wasmBytes()) - before).toBeLessThan(2e6 + 6e6);
});

test('forgotten sessions give their memory back to the model', async () => {
  const model = await load();
  for (let i = 0; i < 50; i++) model.createSession({ history: request.history });
  await collect();
  const settled = model.memoryBytes;
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 50; i++) model.createSession({ history: request.history });
    await collect();
  }
  expect(model.memoryBytes).toBeLessThan(settled * 1.5);
  model.dispose();
});

test('sessions that were disposed of do so at once', async () => {
  const model = await load();
  model.createSession({ history: request.history }).dispose();
  const settled = model.memoryBytes;
  for (let i = 0; i < 500; i++) {
    const session = model.createSession({ history: request.history });
    session.dispose();
    expect(failure(() => model.createSession({ history: [{ time: NaN }] })).code).toBe('time');
  }
  expect(model.memoryBytes).toBe(settled);
  model.dispose();
});

test('thousands of calls, right and wrong, do not grow the wasm memory', async () => {
  const model = await load();
  const session = model.createSession({ history: request.history });
  const { candidates, now } = request;
  const few = candidates.slice(0, 5);
  session.rank(candidates, { now });
  const { item, action } = request.history[0];
  session.append([{ time: now, item, action }]);
  session.rank(candidates, { now });
  const settled = model.memoryBytes;
  for (let i = 0; i < 2000; i++) {
    session.append([{ time: now + i, item, action }]);
    session.rank(few, { now });
    failure(() => session.rank([{ item: { tab: -1 } }]));
  }
  expect(model.memoryBytes).toBe(settled);
  model.dispose();
});
