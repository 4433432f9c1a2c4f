// What a page downloads before it can rank, without the model: scripts and WebAssembly; and what a server installs of onnxruntime-node on this
// platform. -> [{ name, raw, gzipped }] in bytes
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from './processes.mjs';
import { NODE, WEB } from './sides.mjs';

const require = createRequire(import.meta.url);

export function measureSizes() {
  const web = dirname(require.resolve('onnxruntime-web/wasm'));
  const node = join(dirname(require.resolve('onnxruntime-node')), '../bin/napi-v6', process.platform, process.arch);
  const files = {
    [WEB]: ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'].map((name) => join(web, name)),
    [NODE]: readdirSync(node).map((name) => join(node, name)),
    strict: ['index.js', 'siren-rope.simd.wasm'].map((name) => join(root, 'dist', name)),
    relaxed: ['index.js', 'siren-rope.relaxed.wasm'].map((name) => join(root, 'dist', name)),
  };
  return Object.entries(files).map(([name, list]) => {
    const contents = list.map((path) => readFileSync(path));
    const sum = (sizes) => sizes.reduce((a, b) => a + b, 0);
    return { name, raw: sum(contents.map((bytes) => bytes.length)), gzipped: sum(contents.map((bytes) => gzipSync(bytes, { level: 9 }).length)) };
  });
}
