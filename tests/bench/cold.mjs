// Cold starts: whole processes, started in turn: import an engine, load a model from a file, rank once (cold_start.mjs).
// -> [{ name, ms: import -> ranked feed, processMs: the whole process without what a bare one takes, peakBytes, memoryBytes }], medians
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportOnnx, feeds } from './export-onnx.mjs';
import { median } from './measure.mjs';
import { writeSafetensors } from './safetensors.mjs';
import { PEERS } from './sides.mjs';

const CHILD = fileURLToPath(new URL('cold_start.mjs', import.meta.url));

function start(args) {
  const begin = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const processMs = performance.now() - begin;
  if (status !== 0) throw new Error(`cold start, ${args.slice(1, 3).join(' ')}: ${stderr}`);
  return { processMs, ...(stdout ? JSON.parse(stdout) : {}) };
}

/** files: { float, int8, request } paths; request: what randomRequest made. */
export function measureCold(folder, { name, C, N }, { model, request, files, runs }) {
  const [graph, fed] = [join(folder, `${name}.onnx`), join(folder, `${name}.feeds`)];
  writeFileSync(graph, exportOnnx(model, { C, N, sharedContext: true }));
  const values = Object.entries(feeds(model, request, 'request', { sharedContext: true }));
  writeFileSync(fed, writeSafetensors(Object.fromEntries(values.map(([key, { data, dims }]) => [key, { data, shape: dims }]))));
  const ours = (side, path, build) => ({ name: side, args: [CHILD, 'ours', path, files.request, JSON.stringify({ build })] });
  const sides = [
    { name: 'node', args: ['-e', ''] },
    ...PEERS.map((peer) => ({ name: peer, args: [CHILD, peer, graph, fed] })),
    ours('strict', files.float, 'simd'), ours('relaxed', files.float, 'relaxed'),
    ...(files.int8 ? [ours('relaxed int8', files.int8, 'relaxed')] : []),
  ].map((side) => ({ ...side, told: [] }));
  for (let run = 0; run < runs; run++) for (const side of sides) side.told.push(start(side.args));
  const of = (told, what) => median(told.map((one) => one[what] ?? NaN));
  const [{ told: bare }, ...engines] = sides;
  return engines.map(({ name: side, told }) => {
    if (!side.endsWith('int8') && told[0].best !== engines[0].told[0].best) throw new Error(`${side} puts candidate ${told[0].best} first`);
    return {
      name: side, ms: of(told, 'ms'), processMs: of(told, 'processMs') - of(bare, 'processMs'), peakBytes: of(told, 'peakBytes'),
      memoryBytes: told[0].memoryBytes,
    };
  });
}
