// check-sizes.mjs: the budget of what a page downloads: each wasm module at most 60 KB, the JavaScript (the ES module
// build without types and maps) at most 15 KB, gzipped. 1 KB = 1000 bytes. Fails also when there is nothing to measure.
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

const modules = files.filter((name) => name.endsWith('.wasm'));
if (modules.length < 2) check('two wasm modules', [], 60000);
for (const name of modules) check(name, [name], 60000);
check('JavaScript', files.filter((name) => /\.m?js$/.test(name)), 15000);
process.exitCode = failed ? 1 : 0;
