// The package as it is published: its entries, types, sizes, and that importing it does nothing.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cjs, esm, feedModel, root } from './support.mjs';

const require = createRequire(import.meta.url);
const [pool, train] = await Promise.all(
  ['pool', 'train'].map(async (name) => ({ esm: await import(`../../dist/${name}.js`), cjs: require(`../../dist/${name}.cjs`) })),
);
const description = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const text = (name) => readFileSync(join(root, 'dist', name), 'utf8');

let scratch; // a project that has the packed package installed
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'siren-rope-'));
  const installed = join(scratch, 'node_modules/siren-rope');
  mkdirSync(installed, { recursive: true });
  const npm = (args) => execFileSync('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', scratch]));
  execFileSync('tar', ['-xzf', join(scratch, filename), '-C', installed, '--strip-components=1']);
  mkdirSync(join(scratch, 'node_modules/@types'));
  symlinkSync(join(root, 'node_modules/@types/node'), join(scratch, 'node_modules/@types/node'));
  symlinkSync(join(root, 'node_modules/undici-types'), join(scratch, 'node_modules/undici-types'));
  writeFileSync(join(scratch, 'package.json'), '{ "private": true }');
});
afterAll(() => rmSync(scratch, { recursive: true }));

const run = (name, code, flags = []) => {
  writeFileSync(join(scratch, name), code);
  return execFileSync(process.execPath, [...flags, name], { cwd: scratch })
    .toString()
    .trim();
};

test('both formats have the same names', () => {
  // Besides its own names the main bundle has those that the other bundles take from it.
  const source = readFileSync(join(root, 'bindings/js/internals.ts'), 'utf8');
  const internals = [...source.matchAll(/export \{([^}]*)\}/g)].flatMap(([, list]) => list.split(',').map((name) => name.trim()));
  const names = ['SirenRopeError', 'loadModel', ...internals].sort();
  expect(Object.keys(esm).sort()).toEqual(names);
  expect(Object.keys(cjs).sort()).toEqual(names);
  for (const [entry, name] of [[pool, 'createPool'], [train, 'createTraining']]) {
    expect(Object.keys(entry.esm).sort()).toEqual(['SirenRopeError', name]);
    expect(Object.keys(entry.cjs).sort()).toEqual(['SirenRopeError', name]);
    for (const format of ['esm', 'cjs']) expect(entry[format].SirenRopeError).toBe({ esm, cjs }[format].SirenRopeError);
  }
});

test('what the bundles share has no types: it is not public', () => {
  for (const name of ['index.d.ts', 'index.d.cts', 'model.d.ts']) expect(text(name)).not.toMatch(/internals|PARTS|boundsOf/);
});

test('it has no dependencies, no side effects, no eval and no static import of a Node module', () => {
  expect(description.dependencies).toBeUndefined();
  expect(description.sideEffects).toBe(false);
  for (const name of ['index.js', 'index.cjs', 'pool.js', 'pool.cjs', 'train.js', 'train.cjs', 'siren-rope-worker.js']) {
    const main = name.endsWith('.cjs') ? 'require("./index.cjs")' : /\bimport\{[^}]*\}from"\.\/index\.js";/g;
    const own = name.startsWith('index') ? text(name) : text(name).replaceAll(main, '');
    expect(own).not.toMatch(/\beval\b|new Function|['"`]node:|\bfrom\s*["']|\brequire\(/);
    expect(own).not.toMatch(/(^|[;}])import\b[^.(]/m);
  }
  for (const name of ['index.js', 'index.cjs']) expect(text(name)).toMatch(/import\(\s*\/\* webpackIgnore: true \*\/\s*\/\* @vite-ignore \*\//);
});

test('importing changes no global, starts nothing and reads nothing', () => {
  const watch = `
    const before = Reflect.ownKeys(globalThis).length;
    for (const name of ['fetch', 'setTimeout', 'setInterval', 'queueMicrotask']) {
      const real = globalThis[name];
      globalThis[name] = () => { console.log('called', name); return real; };
    }
    const compile = WebAssembly.compile;
    WebAssembly.compile = () => console.log('compiled');`;
  const after = 'console.log(Reflect.ownKeys(globalThis).length - before, typeof loadModel);';
  expect(run('a.mjs', `${watch} const { loadModel } = await import('siren-rope'); ${after}`)).toBe('0 function');
  expect(run('a.cjs', `${watch} const { loadModel } = require('siren-rope'); ${after}`)).toBe('0 function');
  for (const [entry, name] of [['pool', 'createPool'], ['train', 'createTraining']]) {
    const afterEntry = after.replace('loadModel', name);
    expect(run('a.mjs', `${watch} const { ${name} } = await import('siren-rope/${entry}'); ${afterEntry}`)).toBe('0 function');
    expect(run('a.cjs', `${watch} const { ${name} } = require('siren-rope/${entry}'); ${afterEntry}`)).toBe('0 function');
  }
});

test('installed from its tarball it ranks, in both formats', () => {
  const rank = `
    const model = await loadModel(${JSON.stringify(feedModel)}, { build: 'simd' });
    const { items } = model.createSession().rank(
      [{ item: { video_id: 1 } }, { item: { video_id: 2 } }], { now: 1651300000000 });
    console.log(items.map(({ index, score }) => index + ':' + score).join(' '));`;
  const found = run('b.mjs', `import { loadModel } from 'siren-rope'; ${rank}`);
  expect(found).toMatch(/^\d:[\d.]+ \d:[\d.]+$/);
  expect(run('b.cjs', `const { loadModel } = require('siren-rope'); (async () => {${rank}})();`)).toBe(found);
});

test('installed from its tarball it ranks in a pool, in both formats, and the program ends by itself', () => {
  const rank = `
    const pool = await createPool(${JSON.stringify(feedModel)}, { build: 'simd', workers: 2 });
    const session = await pool.createSession();
    const { items } = await session.rank([{ item: { video_id: 1 } }, { item: { video_id: 2 } }], { now: 1651300000000, workers: 2 });
    console.log(items.map(({ index, score }) => index + ':' + score).join(' '));`;
  const found = run('e.mjs', `import { createPool } from 'siren-rope/pool'; ${rank}`);
  expect(found).toMatch(/^\d:[\d.]+ \d:[\d.]+$/);
  expect(run('e.cjs', `const { createPool } = require('siren-rope/pool'); (async () => {${rank}})();`)).toBe(found);
});

test('installed from its tarball it trains, in both formats', () => {
  const learn = `
    const training = await createTraining({ build: 'simd', simulation: { users: 20 } });
    console.log(training.run(1)[0].loss);`;
  const found = run('d.mjs', `import { createTraining } from 'siren-rope/train'; ${learn}`);
  expect(found).toMatch(/^0\.\d+$/);
  expect(run('d.cjs', `const { createTraining } = require('siren-rope/train'); (async () => {${learn}})();`)).toBe(found);
});

test('the wasm files and the worker file can be resolved by name', () => {
  const modules = ['siren-rope', 'siren-rope-train'].flatMap((name) => ['simd', 'relaxed'].map((build) => `${name}.${build}.wasm`));
  const names = [...modules, 'siren-rope-worker.js'];
  const code = `for (const name of ${JSON.stringify(names)}) console.log(import.meta.resolve('siren-rope/' + name).split('/').at(-1));`;
  expect(run('c.mjs', code).split('\n')).toEqual(names);
});

test('the wasm, the header and package.json agree on the version', async () => {
  const header = readFileSync(join(root, 'src/include/sirenrope/sirenrope.h'), 'utf8');
  expect(/#define SROPE_VERSION "([^"]+)"/.exec(header)[1]).toBe(description.version);
  expect(text('index.js')).toContain(JSON.stringify(description.version));
});

test('what a page downloads is within its budget, gzipped', () => {
  const bytes = (name) => gzipSync(readFileSync(join(root, 'dist', name)), { level: 9 }).length;
  expect(bytes('index.js')).toBeLessThan(15000);
  expect(bytes('train.js')).toBeLessThan(6000);
  expect(bytes('pool.js') + bytes('siren-rope-worker.js')).toBeLessThan(8000);
  for (const build of ['simd', 'relaxed']) {
    expect(bytes(`siren-rope.${build}.wasm`)).toBeLessThan(60000);
    expect(bytes(`siren-rope-train.${build}.wasm`)).toBeLessThan(110000);
  }
});

test('its types hold in strict TypeScript, as an ES module and as CommonJS', () => {
  const use = `
    interface Video { id: string; item: { video_id: number }; context: { tab: number } }
    export async function use(source: URL, signal: AbortSignal, feed: Video[]): Promise<string | undefined> {
      const onProgress = ({ loadedBytes, totalBytes }: Progress) => console.log(loadedBytes, totalBytes);
      const model = await loadModel(source, { signal, build: 'auto', onProgress });
      const seen = { time: Date.now(), item: { video_id: 1 }, action: { click: true }, utcOffsetMinutes: 480 };
      using session = model.createSession({ history: [seen] });
      session.append([{ time: new Date(), item: new Float32Array(4), action: [1, 0], request: 'r' }]);
      const now = '2022-05-01T00:00:00Z';
      const { items } = session.rank(feed, { now, weights: { like: 1 }, limit: 10, explain: true });
      const logits: Float32Array = session.scoreTensors({ item: new Float32Array(4), now: 1 });
      const info: Model['info'] = model.info;
      console.log(logits, info.sizes.T, items[0]?.explanation?.timeless, items[0]?.probabilities['like']);
      // @ts-expect-error: there is no such option
      session.rank(feed, { when: 1 });
      // @ts-expect-error: a candidate needs an item
      session.rank([{ id: 1 }]);
      try {
        model.restoreSession(session.snapshot());
      } catch (error) {
        if (error instanceof SirenRopeError && error.code === 'snapshot') return error.where;
      }
      return items[0]?.item.id;
    }
    export async function share(feed: Video[], options: PoolOptions): Promise<string | undefined> {
      using pool = await createPool('model.safetensors', { ...options, workers: 2 });
      using session: PoolSession = await pool.createSession({ history: [], maxHistory: 10 });
      await session.append([{ time: 0, item: { video_id: 1 }, action: {} }]);
      const logits: Float32Array = await session.scoreTensors({ item: new Float32Array(4), now: 1 }, { workers: 'auto' });
      // @ts-expect-error: a candidate needs an item
      await session.rank([{ id: 1 }]);
      console.log(logits, pool.info.sizes.T, pool.workers, session.count);
      const { items } = await session.rank(feed, { limit: 10, workers: 2 });
      return items[0]?.item.id;
    }
    export async function learn(): Promise<Uint8Array> {
      using training = await createTraining({ simulation: { users: 100, weekShare: 0 }, recipe: { training: { epochs: 1 } } });
      const session = (await loadModel(training.model())).createSession({ history: training.feed(0) });
      for (const event of training.run(10)) {
        if (event.kind === 'step') console.log(event.loss, event.freq[0], session.count);
        else console.log(event.meanNe, event.tasks['engage']?.auc, training.info.config.max_history);
      }
      // @ts-expect-error: there is no such option
      await createTraining({ simulation: { user: 1 } });
      return training.model({ best: true });
    }`;
  writeFileSync(join(scratch, 'use.mts'), `import { loadModel, SirenRopeError, type Model, type Progress } from 'siren-rope';import { createTraining } from 'siren-rope/train';import { createPool, type PoolOptions, type PoolSession } from 'siren-rope/pool';${use}`);
  writeFileSync(join(scratch, 'use.cts'), `import { loadModel, SirenRopeError, type Model, type Progress } from 'siren-rope';import { createTraining } from 'siren-rope/train';import { createPool, type PoolOptions, type PoolSession } from 'siren-rope/pool';${use}`);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const flags = [
    '--strict',
    '--noEmit',
    '--exactOptionalPropertyTypes',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--lib',
    'es2022,dom',
  ];
  let output = '';
  try {
    execFileSync(process.execPath, [tsc, ...flags, 'use.mts', 'use.cts'], { cwd: scratch });
  } catch (error) {
    output = error.stdout.toString();
  }
  expect(output).toBe('');
});
