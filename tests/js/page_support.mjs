// page_support.mjs: the page's own modules under Node: a TypeScript source bundled on the fly; and random numbers that are the
// same in every run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from './support.mjs';

/** Packages are empty, so that these tests run before the page's own are installed: pure modules need none. Of the page's
 * sources only what is used comes along, so that a pure function of a module that also draws can be had. */
const alone = {
  name: 'alone',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^.]/ }, ({ path }) => ({ path, namespace: 'empty' }));
    bundler.onResolve({ filter: /^\./ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === alone) return undefined;
      return { ...(await bundler.resolve(path, { ...from, pluginData: alone })), sideEffects: false };
    });
    bundler.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

/** The exports of a source of the page, or these of them: loadPage('demo/src/maths/rotation.ts'). */
export async function loadPage(source, ...names) {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names.length > 0 ? `{ ${names} }` : '*'} from './${source}';`, resolveDir: root },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
    plugins: [alone],
  });
  const folder = mkdtempSync(join(tmpdir(), 'siren-rope-page-'));
  try {
    const file = join(folder, 'module.mjs');
    writeFileSync(file, outputFiles[0].contents);
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** mulberry32: uniform in [0, 1), and what is made of it. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least, most) => least + (most - least) * unit();
  const whole = (least, most) => Math.floor(between(least, most + 1));
  const normal = () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
  return { unit, between, whole, normal, coin: () => unit() < 0.5, one: (list) => list[whole(0, list.length - 1)] };
}

export const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
export const bits = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');
