/* parts.ts: what the calls of one model share. */
import type { Names } from './records.js';
import type { Limits, ModelInfo } from './types.js';
import type { Wasm } from './wasm.js';
import type { Writer } from './writer.js';

/** What calls are checked against and written with. */
export interface Encoding {
  info: ModelInfo;
  names: Names;
  limits: Required<Limits>;
  writer: Writer;
}

/** What sessions need of their model. */
export interface ModelParts extends Encoding {
  wasm: Wasm;
}

/** The key under which worker.ts, a bundle of its own, finds a model's parts. */
export const PARTS: unique symbol = Symbol.for('siren-rope.parts');
