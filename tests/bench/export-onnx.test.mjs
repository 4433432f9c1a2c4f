// The exported graphs against the paper authors' own outputs: every golden folder, rank.logits within 1e-4, in
// onnxruntime-web and onnxruntime-node. Run by `make test`, or here by `npm test`.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import * as ortNode from 'onnxruntime-node';
import { exportOnnx, feeds, readModel } from './export-onnx.mjs';
import { runPart, startWebRuntime } from './onnxruntime.mjs';
import { parseSafetensors } from './safetensors.mjs';

const TOLERANCE = 1e-4;
const vectors = new URL('../golden/vectors/', import.meta.url);
const folders = readdirSync(vectors).filter((name) => existsSync(new URL(`${name}/io.safetensors`, vectors)));
assert.ok(folders.length > 0, `no golden folders in ${vectors.pathname}`);

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
      const whole = await runPart(ort, exportOnnx(model, { C, N }), feeds(model, inputs));
      const caches = await runPart(ort, exportOnnx(model, { C, N, part: 'history' }), feeds(model, inputs, 'history'));
      const parts = await runPart(ort, exportOnnx(model, { C, N, part: 'candidates' }),
        { ...feeds(model, inputs, 'candidates'), ...caches });
      for (const { logits } of [whole, parts]) {
        assert.deepEqual(logits.dims, io['rank.logits'].shape);
        const worst = Math.max(...expected.map((x, i) => Math.abs(x - logits.data[i])));
        assert.ok(worst <= TOLERANCE, `rank.logits off by ${worst}`);
      }
    });
  }
}
