// The exported graphs, all parts, against the paper authors' own outputs: every golden folder, rank.logits within 1e-4, in
// onnxruntime-web and onnxruntime-node. Run by `make test`, or here by `npm test`.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import * as ortNode from 'onnxruntime-node';
import { earlierFeeds, exportOnnx, feeds, readModel } from './export-onnx.mjs';
import { runPart, startWebRuntime } from './onnxruntime.mjs';
import { parseSafetensors } from './safetensors.mjs';

const TOLERANCE = 1e-4;
const vectors = new URL('../golden/vectors/', import.meta.url);
const folders = readdirSync(vectors).filter((name) => existsSync(new URL(`${name}/io.safetensors`, vectors)));
assert.ok(folders.length > 0, `no golden folders in ${vectors.pathname}`);

/** The event's own keys (H, 2P, 1) or values (H, 1, 2P) are the last of the whole history's. */
function assertEnds(whole, own, name) {
  const axis = name.endsWith('.key') ? 2 : 1;
  const [n, inner] = [whole.dims[axis], axis === 2 ? 1 : whole.dims[2]];
  own.data.forEach((x, i) => {
    const at = (Math.floor(i / inner) * n + n - 1) * inner + (i % inner);
    assert.ok(Math.abs(x - whole.data[at]) <= TOLERANCE, `event.${name}[${i}]: ${x}, in the history ${whole.data[at]}`);
  });
}

for (const [runtime, ort] of [['onnxruntime-web', startWebRuntime()], ['onnxruntime-node', ortNode]]) {
  for (const folder of folders) {
    test(`${runtime}: ${folder}`, async () => {
      const model = readModel(readFileSync(new URL(`${folder}/model.safetensors`, vectors)));
      const { tensors: io } = parseSafetensors(readFileSync(new URL(`${folder}/io.safetensors`, vectors)));
      const inputs = {
        history: {
          item: io['history.item'].data, action: io['history.action'].data, time_s: [...io['history.timestamp'].data],
          signal: io['history.signal']?.data,
        },
        candidate: {
          item: io['candidate.item'].data, context: io['candidate.context']?.data, signal: io['candidate.signal']?.data,
        },
        now_s: io.now.data[0],
      };
      const [C, N] = [io['history.item'].shape[0], io['candidate.item'].shape[0]];
      const expected = io['rank.logits'].data;
      const run = (part, values, size = { C, N }) => runPart(ort, exportOnnx(model, { ...size, part }), values);
      const found = { request: await run('request', feeds(model, inputs)) };
      const caches = await run('history', feeds(model, inputs, 'history'));
      found.candidates = await run('candidates', { ...feeds(model, inputs, 'candidates'), ...caches });
      if (C > 1 && inputs.history.time_s.at(-1) > inputs.history.time_s.at(-2)) {
        const earlier = await run('history', earlierFeeds(model, inputs), { C: C - 1, N });
        found.append = await run('append', { ...feeds(model, inputs, 'append'), ...earlier });
        for (const cache of Object.keys(earlier)) assertEnds(caches[cache], found.append[`event.${cache}`], cache);
      }
      if (model.G === 0) found.naive = await run('naive', feeds(model, inputs, 'naive'));
      for (const [part, { logits }] of Object.entries(found)) {
        assert.deepEqual(logits.dims, io['rank.logits'].shape);
        const worst = Math.max(...expected.map((x, i) => Math.abs(x - logits.data[i])));
        assert.ok(worst <= TOLERANCE, `${part}: rank.logits off by ${worst}`);
      }
    });
  }
}

test('candidates of one context: the graph that computes its part once gives the same logits', async () => {
  const model = readModel(readFileSync(new URL('siren-paper/model.safetensors', vectors)));
  const { tensors: io } = parseSafetensors(readFileSync(new URL('siren-paper/io.safetensors', vectors)));
  const [C, N] = [io['history.item'].shape[0], io['candidate.item'].shape[0]];
  const inputs = {
    history: { item: io['history.item'].data, action: io['history.action'].data, time_s: [...io['history.timestamp'].data] },
    candidate: { item: io['candidate.item'].data, context: new Float32Array(N * model.Z) },
    now_s: io.now.data[0],
  };
  for (let n = 0; n < N; n++) inputs.candidate.context.set(io['candidate.context'].data.subarray(0, model.Z), n * model.Z);
  for (const part of ['request', 'naive']) {
    const logits = {};
    for (const sharedContext of [false, true]) {
      const graph = exportOnnx(model, { C, N, part, sharedContext });
      logits[sharedContext] = (await runPart(ortNode, graph, feeds(model, inputs, part, { sharedContext }))).logits.data;
    }
    const worst = Math.max(...logits[true].map((x, i) => Math.abs(x - logits[false][i])));
    assert.ok(worst <= 1e-5, `${part}: off by ${worst}`);
    assert.ok(logits[true].some((x) => Math.abs(x) > 0.01));
  }
});
