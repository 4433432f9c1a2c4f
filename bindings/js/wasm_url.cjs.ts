/* wasm_url.cjs.ts: wasm_url.ts for the CommonJS build, which has __dirname in place of import.meta. */
import type { Build } from './types.js';

declare const __dirname: string;

export function wasmUrl(build: Build): URL | string {
  return `${__dirname}/siren-rope.${build}.wasm`;
}
