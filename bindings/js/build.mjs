// build.mjs: bindings/js/*.ts -> dist/: index and train, each as .js (ES module) and .cjs (CommonJS), and the types of each
// (*.d.ts, *.d.cts). The wasm files beside them come from CMake (bindings/CMakeLists.txt).
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const cjsUrls = {
  name: 'wasm_url.cjs.ts in place of wasm_url.ts',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/(train_)?wasm_url\.js$/ }, ({ path }) => ({ path: join(here, path.replace(/js$/, 'cjs.ts')) })),
};
/** The error is the main entry's, so that there is one class of it. */
const errorOf = (entry) => ({
  name: 'error.ts from the main entry',
  setup: ({ onResolve }) => onResolve({ filter: /\/error\.js$/ }, () => ({ path: entry, external: true })),
});

const common = {
  bundle: true,
  platform: 'neutral',
  target: 'es2022',
  legalComments: 'none',
  sourcemap: 'linked',
  define: { __VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
};

if (readdirSync(root).includes('dist'))
  for (const name of readdirSync(dist)) if (!name.endsWith('.wasm')) rmSync(join(dist, name), { recursive: true });
const index = { ...common, entryPoints: [join(here, 'index.ts')] };
const train = { ...common, entryPoints: [join(here, 'train.ts')] };
await build({ ...index, format: 'esm', outfile: join(dist, 'index.js') });
await build({ ...index, format: 'cjs', outfile: join(dist, 'index.cjs'), plugins: [cjsUrls] });
await build({ ...train, format: 'esm', outfile: join(dist, 'train.js'), plugins: [errorOf('./index.js')] });
await build({ ...train, format: 'cjs', outfile: join(dist, 'train.cjs'), plugins: [cjsUrls, errorOf('./index.cjs')] });

execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', here, '--emitDeclarationOnly'], {
  stdio: 'inherit',
});

// Keeps the types that the entries lead to, and gives each its .d.cts.
const wanted = new Set(['index', 'train']);
for (const name of wanted) {
  const types = readFileSync(join(dist, `${name}.d.ts`), 'utf8');
  for (const [, other] of types.matchAll(/from '\.\/([^']+)\.js'/g)) wanted.add(other);
  writeFileSync(join(dist, `${name}.d.cts`), types.replace(/(from '\.\/[^']+)\.js'/g, "$1.cjs'"));
}
for (const name of readdirSync(dist))
  if (/\.d\.ts$/.test(name) && !wanted.has(name.slice(0, -5))) rmSync(join(dist, name));
