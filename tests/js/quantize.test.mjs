// int8 and float16 models, made by the native program, through the built package: the strict build gives the native scalar
// program's bits, as with floats; the relaxed one, whose float parts are fused, stays within what quantising itself does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { largestDifference, runGolden } from './parity.mjs';
import { announceBuilds, builds, esm, feedModel, goldenIo, goldenModel, makeRequest, native, nativeRank, nativeScore, root, toLine } from './support.mjs';

const folders = ['siren-small', 'siren-paper', 'siren-requests', 'ordinal-small', 'torope-small'];
const outputs = ['rank', 'sequence', 'cold'];
const bits = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString('hex');

let scratch;
beforeAll(() => {
  announceBuilds();
  scratch = mkdtempSync(join(tmpdir(), 'siren-rope-quantize-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function quantize(folder, kind) {
  const path = join(scratch, `${folder}.${kind}.safetensors`);
  native(['quantize', goldenModel(folder), path, '--weights', kind]);
  return path;
}

async function run(path, folder, build) {
  const model = await esm.loadModel(path, { build });
  const found = runGolden(model, goldenIo(folder));
  model.dispose();
  return found;
}

describe.each(['int8', 'float16'])('%s', (kind) => {
  test.each(folders)('simd is the native scalar program to the bit: %s', async (folder) => {
    const path = quantize(folder, kind);
    const found = await run(path, folder, 'simd');
    const expected = nativeScore(folder, 'scalar', path);
    for (const name of outputs) expect(bits(found[name])).toBe(bits(expected[`${name}.logits`].data));
  });

  test.each(builds)('%s is as near to the float model as native scalar is', async (build) => {
    for (const folder of folders) {
      const path = quantize(folder, kind);
      const found = await run(path, folder, build);
      const floats = nativeScore(folder), scalar = nativeScore(folder, 'scalar', path);
      for (const name of outputs) {
        const off = largestDifference(scalar[`${name}.logits`].data, floats[`${name}.logits`].data);
        expect(off).toBeGreaterThan(0);
        expect(largestDifference(found[name], scalar[`${name}.logits`].data)).toBeLessThanOrEqual(off);
      }
    }
  });
});

test('the shipped int8 model: its tensors, and the native program\'s ranking', async () => {
  const path = join(root, 'models/kuairand-excerpt.int8.safetensors');
  const model = await esm.loadModel(path, { build: 'simd' });
  const floats = await esm.loadModel(feedModel, { build: 'simd' });
  expect(model.info.config).toEqual(floats.info.config);
  expect(model.info.parameters).toBe(floats.info.parameters);
  expect(model.info.tensors.filter(({ dtype }) => dtype === 'I8')).toHaveLength(20);
  const requests = [1, 2, 3].map((seed) => makeRequest(seed, 50, 30));
  const answers = nativeRank(path, requests.map(toLine));
  requests.forEach(({ history, candidates, now, utcOffsetMinutes }, i) => {
    const session = model.createSession({ history, utcOffsetMinutes });
    const { items } = session.rank(candidates, { now });
    expect(items.map(({ index }) => index)).toEqual(answers[i].ranked.map(({ index }) => index));
    items.forEach(({ score }, place) => expect(score).toBe(answers[i].ranked[place].score));
    session.dispose();
  });
  model.dispose();
  floats.dispose();
});
