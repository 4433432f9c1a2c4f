/* train_wasm_url.cjs.ts: train_wasm_url.ts for the CommonJS build, which has __dirname in place of import.meta. */
import type { Build } from './types.js';

declare const __dirname: string;

export function trainWasmUrl(build: Build): URL | string {
  return `${__dirname}/siren-rope-train.${build}.wasm`;
}
