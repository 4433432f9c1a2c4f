// check-sizes.mjs: the budget of what a page downloads, gzipped, of each entry and its two wasm modules: `siren-rope` at most
// 15 KB, 45 KB strict and 50 KB relaxed; `siren-rope/pool` and its worker file 6 KB and 2 KB beside the main entry's; `siren-rope/train` 6 KB beside
// them and 90 KB each. JavaScript is the ES module build without types and maps. 1 KB = 1000 bytes. Fails also when there is nothing to measure.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const files = existsSync(dist) ? readdirSync(dist, { recursive: true }) : [];
const size = (names) => names.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name)), { level: 9 }).length, 0);

let failed = false;
function check(what, names, limit) {
  const bytes = size(names);
  const ok = names.length > 0 && bytes <= limit;
  failed ||= !ok;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}: ${bytes} of ${limit} bytes gzipped${names.length === 0 ? ' (no such file)' : ''}`);
}

const entries = [
  ['index.js', 15000, { 'siren-rope.simd.wasm': 45000, 'siren-rope.relaxed.wasm': 50000 }],
  ['train.js', 6000, { 'siren-rope-train.simd.wasm': 90000, 'siren-rope-train.relaxed.wasm': 90000 }],
  ['pool.js', 6000],
  ['siren-rope-worker.js', 2000],
];
for (const [script, scriptLimit, modules = {}] of entries) {
  for (const [name, limit] of Object.entries(modules)) check(name, files.filter((file) => file === name), limit);
  check(script, files.filter((file) => file === script), scriptLimit);
}
const measured = entries.flatMap(([script, , modules = {}]) => [script, ...Object.keys(modules)]);
for (const name of files) if (/\.(m?js|wasm)$/.test(name) && !measured.includes(name)) check(`${name}, which has no budget`, [name], 0);
process.exitCode = failed ? 1 : 0;
