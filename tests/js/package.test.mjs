// The package as it is published: its entries, types, sizes, and that importing it does nothing.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cjs, esm, feedModel, root } from './support.mjs';

const train = {
  esm: await import('../../dist/train.js'),
  cjs: createRequire(import.meta.url)('../../dist/train.cjs'),
};
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
  const names = ['SirenRopeError', 'loadModel'];
  expect(Object.keys(esm).sort()).toEqual(names);
  expect(Object.keys(cjs).sort()).toEqual(names);
  const trainNames = ['SirenRopeError', 'createTraining'];
  expect(Object.keys(train.esm).sort()).toEqual(trainNames);
  expect(Object.keys(train.cjs).sort()).toEqual(trainNames);
});

test('it has no dependencies, no side effects, no eval and no static import of a Node module', () => {
  expect(description.dependencies).toBeUndefined();
  expect(description.sideEffects).toBe(false);
  for (const name of ['index.js', 'index.cjs', 'train.js', 'train.cjs']) {
    const main = name.endsWith('.cjs') ? 'require("./index.cjs")' : /import \{[^}]*\} from "\.\/index\.js";/g; // the error's
    const own = name.startsWith('train') ? text(name).replaceAll(main, '') : text(name);
    expect(own).not.toMatch(/\beval\b|new Function|['"`](node:|fs['"`/])[^[]*from|require\(/);
    expect(own).not.toMatch(/^import\b/m);
  }
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
  const afterTrain = after.replace('loadModel', 'createTraining');
  expect(run('a.mjs', `${watch} const { createTraining } = await import('siren-rope/train'); ${afterTrain}`)).toBe('0 function');
  expect(run('a.cjs', `${watch} const { createTraining } = require('siren-rope/train'); ${afterTrain}`)).toBe('0 function');
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

test('installed from its tarball it trains, in both formats', () => {
  const learn = `
    const training = await createTraining({ build: 'simd', simulation: { users: 20 } });
    console.log(training.run(1)[0].loss);`;
  const found = run('d.mjs', `import { createTraining } from 'siren-rope/train'; ${learn}`);
  expect(found).toMatch(/^0\.\d+$/);
  expect(run('d.cjs', `const { createTraining } = require('siren-rope/train'); (async () => {${learn}})();`)).toBe(found);
});

test('the wasm files can be resolved by name', () => {
  const names = ['siren-rope', 'siren-rope-train'].flatMap((name) => ['simd', 'relaxed'].map((build) => `${name}.${build}.wasm`));
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
  writeFileSync(join(scratch, 'use.mts'), `import { loadModel, SirenRopeError, type Model, type Progress } from 'siren-rope';import { createTraining } from 'siren-rope/train';${use}`);
  writeFileSync(join(scratch, 'use.cts'), `import { loadModel, SirenRopeError, type Model, type Progress } from 'siren-rope';import { createTraining } from 'siren-rope/train';${use}`);
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
