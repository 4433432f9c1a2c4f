// How a request's time grows with N, C and D, for ours (relaxed), and what a learned rotation costs: a siren model against an ordinal one of
// the same sizes and weights.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { madeModel, requestBytes } from './cases.mjs';
import { readModel } from './export-onnx.mjs';
import { flops } from './flops.mjs';
import { measureRow, median, startSides } from './measure.mjs';
import { SIDES } from './sides.mjs';
import { ordinalCopy } from './weights.mjs';

const BASE = { D: 128, C: 64, N: 128 };
const POINTS = { N: [64, 128, 256, 512, 1024], C: [64, 128, 256, 512, 1024], D: [64, 128, 256, 512] };

/** Slope of log y over log x, by least squares. */
export function exponent(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = (i) => logs.reduce((sum, point) => sum + point[i], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  return logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

/** -> [{ letter, points: [{ size, ms, mflop }], exponent: of the times, needed: of the operations }] */
export async function measureGrowth(folder, { runs }) {
  const relaxed = SIDES.find(({ name }) => name === 'relaxed');
  const grown = [];
  for (const [letter, sizes] of Object.entries(POINTS)) {
    const points = [];
    for (const size of sizes) {
      const { D, C, N } = { ...BASE, [letter]: size };
      const bytes = madeModel({ D, H: D / 32, L: 2, head: [4 * D, 2 * D], maxHistory: C, seed: 21 });
      const model = readModel(bytes);
      const files = { modelPath: join(folder, 'grown'), requestPath: join(folder, 'grown.request') };
      writeFileSync(files.modelPath, bytes);
      writeFileSync(files.requestPath, requestBytes(model, { C, N, seed: 4 }));
      const { sides } = await startSides([relaxed], () => files);
      const { relaxed: result } = await measureRow(sides, 'request', { runs, block: runs, warmUp: 8, reference: {}, T: model.T });
      await sides[0].stop();
      points.push({ size, ms: result.median, mflop: flops(model, C, N).request / 1e6 });
    }
    const of = (what) => exponent(points.map((point) => [point.size, point[what]]));
    grown.push({ letter, points, exponent: of('ms'), needed: of('mflop') });
  }
  return grown;
}

/** A request by the siren model and by its ordinal copy, in turn. -> [{ name, siren, ordinal (ms), overhead: share more }] */
export async function measureOverhead(folder, files, { runs, warmUp, T }) {
  const ordinal = join(folder, 'ordinal.safetensors');
  writeFileSync(ordinal, ordinalCopy(files.bytes));
  const results = [];
  for (const name of ['relaxed', 'native avx512', 'native avx2', 'native neon']) {
    const side = SIDES.find((one) => one.name === name);
    if (!side || (name !== 'relaxed' && results.length > 1)) continue; // the best native one there is
    const pair = ['siren', 'ordinal'].map((variant) => ({ ...side, name: variant, variant }));
    const filesOf = ({ variant }) => ({ modelPath: variant === 'siren' ? files.float : ordinal, requestPath: files.request, outPath: files.out });
    const { sides, missing } = await startSides(pair, filesOf);
    if (missing.length > 0) continue;
    const told = await measureRow(sides, 'request', { runs, block: Math.min(5, runs), warmUp, T });
    for (const one of sides) await one.stop();
    const ratios = told.siren.ms.map((ms, i) => ms / told.ordinal.ms[i]);
    results.push({ name, siren: told.siren.median, ordinal: told.ordinal.median, overhead: median(ratios) - 1 });
  }
  return results;
}
