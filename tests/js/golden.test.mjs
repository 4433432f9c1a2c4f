// The golden vectors through the built package, and the strict build against the native scalar program, to the bit.
import { largestDifference, runGolden } from './parity.mjs';
import { announceBuilds, builds, esm, goldenIo, goldenModel, goldens, nativeScore } from './support.mjs';

beforeAll(announceBuilds);

test('all golden folders are there', () => expect(goldens.length).toBeGreaterThanOrEqual(14));

describe.each(builds)('%s', (build) => {
  test.each(goldens)('%s is within 2e-5', async (folder) => {
    const io = goldenIo(folder);
    const model = await esm.loadModel(goldenModel(folder), { build });
    expect(model.info.build).toBe(build);
    const found = runGolden(model, io);
    for (const name of ['rank', 'sequence', 'cold'])
      expect(largestDifference(found[name], io[`${name}.logits`].data)).toBeLessThan(2e-5);
    if (io['rank.angle']) expect(largestDifference(found.angle, io['rank.angle'].data)).toBeLessThan(2e-5);
    model.dispose();
  });
});

test.each(goldens)('simd is the native scalar program to the bit: %s', async (folder) => {
  const model = await esm.loadModel(goldenModel(folder), { build: 'simd' });
  const found = runGolden(model, goldenIo(folder));
  const expected = nativeScore(folder, 'scalar');
  const bits = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');
  for (const name of ['rank', 'sequence', 'cold'])
    expect(bits(found[name])).toBe(bits(expected[`${name}.logits`].data));
  if (expected['rank.angle']) expect(bits(found.angle)).toBe(bits(expected['rank.angle'].data));
  model.dispose();
});
