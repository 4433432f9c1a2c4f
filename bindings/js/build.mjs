// build.mjs: bindings/js/*.ts -> dist/: index, pool and train, each as .js (ES module) and .cjs (CommonJS), the types of each
// (*.d.ts, *.d.cts), and the pool's worker file, an ES module. The wasm files beside them come from CMake (bindings/CMakeLists.txt).
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
  name: '*_url.cjs.ts in place of *_url.ts',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/((train_)?wasm|worker)_url\.js$/ }, ({ path }) => ({ path: join(here, path.replace(/js$/, 'cjs.ts')) })),
};
/** What the main bundle has (internals.ts), the others take from it: a page downloads it once, and there is one class of errors. */
const shared = ['error', 'load_model'];
for (const [, name] of readFileSync(join(here, 'internals.ts'), 'utf8').matchAll(/from '\.\/(\w+)\.js'/g)) shared.push(name);
const fromMain = (entry) => ({
  name: 'from the main bundle',
  setup: ({ onResolve }) => onResolve({ filter: new RegExp(`/(${shared.join('|')})\\.js$`) }, () => ({ path: entry, external: true })),
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
const bundle = (source, format, name, plugins, more = {}) =>
  build({ ...common, ...more, format, entryPoints: [join(here, source)], outfile: join(dist, name), plugins });
await bundle('main.ts', 'esm', 'index.js', []);
await bundle('main.ts', 'cjs', 'index.cjs', [cjsUrls]);
// The others without comments. The main bundle has some that bundlers read (node.ts).
const bare = { minifyWhitespace: true };
for (const name of ['pool', 'train']) {
  await bundle(`${name}.ts`, 'esm', `${name}.js`, [fromMain('./index.js')], bare);
  await bundle(`${name}.ts`, 'cjs', `${name}.cjs`, [fromMain('./index.cjs'), cjsUrls], bare);
}
await bundle('worker.ts', 'esm', 'siren-rope-worker.js', [fromMain('./index.js')], bare);

execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', here, '--emitDeclarationOnly'], {
  stdio: 'inherit',
});

// Keeps the types that the entries lead to, and gives each its .d.cts.
const wanted = new Set(['index', 'pool', 'train']);
for (const name of wanted) {
  const types = readFileSync(join(dist, `${name}.d.ts`), 'utf8');
  for (const [, other] of types.matchAll(/from '\.\/([^']+)\.js'/g)) wanted.add(other);
  writeFileSync(join(dist, `${name}.d.cts`), types.replace(/(from '\.\/[^']+)\.js'/g, "$1.cjs'"));
}
for (const name of readdirSync(dist))
  if (/\.d\.ts$/.test(name) && !wanted.has(name.slice(0, -5))) rmSync(join(dist, name));
