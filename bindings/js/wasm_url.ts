/* wasm_url.ts: where the two wasm files lie, beside this module. In the form that bundlers recognise and copy.
 * The CommonJS build uses wasm_url.cjs.ts in its place. */
import type { Build } from './types.js';

export function wasmUrl(build: Build): URL | string {
  return build === 'relaxed'
    ? new URL('./siren-rope.relaxed.wasm', import.meta.url)
    : new URL('./siren-rope.simd.wasm', import.meta.url);
}
