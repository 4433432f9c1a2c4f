/* compile.ts: which build of a wasm module, and its compilation, once per file for the whole program.
 * In: 'auto' | 'simd' | 'relaxed'; where the file lies. Out: a WebAssembly.Module. Errors: argument, network, io,
 * unsupported. */
import { SirenRopeError } from './error.js';
import { nameOf } from './kinds.js';
import { looksLikeHtml, openSource } from './source.js';
import type { Build } from './types.js';

/** () -> v128: three splats and an f32x4.relaxed_madd. */
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65,
  0, 253, 15, 253, 133, 2, 11,
]);

const compiled = new Map<string, Promise<WebAssembly.Module>>();

export function chooseBuild(build: unknown): Build {
  if (build === 'simd' || build === 'relaxed') return build;
  if (build === undefined || build === 'auto') return WebAssembly.validate(RELAXED_PROBE) ? 'relaxed' : 'simd';
  throw new SirenRopeError('argument', `expected 'auto', 'simd' or 'relaxed', found ${nameOf(build)}`, 'build');
}

/** Failures are not kept: the next call tries again. */
export function compileBuild(build: Build, url: URL | string): Promise<WebAssembly.Module> {
  const key = String(url);
  let module = compiled.get(key);
  if (!module) {
    module = fetchAndCompile(build, url);
    compiled.set(key, module);
    module.catch(() => compiled.delete(key));
  }
  return module;
}

async function fetchAndCompile(build: Build, url: URL | string): Promise<WebAssembly.Module> {
  const source = await openSource(url);
  const parts: Uint8Array[] = [];
  for await (const chunk of source.chunks) parts.push(chunk.slice());
  const bytes = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  if (bytes.length < 4 || new DataView(bytes.buffer).getUint32(0) !== 0x0061736d)
    throw new SirenRopeError(
      'network',
      `gave ${looksLikeHtml(bytes) ? 'HTML' : 'something else'}, expected WebAssembly`,
      source.name,
    );
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new SirenRopeError(
      'unsupported',
      `this engine cannot compile the ${build} build: ${(cause as Error).message}`,
      'build',
      { cause },
    );
  }
}
