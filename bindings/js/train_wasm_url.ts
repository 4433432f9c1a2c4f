/* train_wasm_url.ts: wasm_url.ts for the training modules; a file of its own, so that a page that only ranks is not given
 * them by its bundler. */
import type { Build } from './types.js';

export function trainWasmUrl(build: Build): URL | string {
  return build === 'relaxed'
    ? new URL('./siren-rope-train.relaxed.wasm', import.meta.url)
    : new URL('./siren-rope-train.simd.wasm', import.meta.url);
}
