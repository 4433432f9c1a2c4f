/* error.ts: the one error that this package throws for bad input. Codes are the C library's, and a few of our own. */

/**
 * What went wrong, as a stable word. From the C library: `argument` (the call itself is wrong), `memory`, `limit` (a
 * size over a stated bound), `format` (no safetensors file), `config`, `tensor`, `value` (NaN or infinite), `time` (no
 * time, or decreasing times), `feature` (a named value of the wrong type, length or range, or missing), `snapshot`,
 * `unsupported` (this engine or build cannot do it), `io` (a file could not be read). From JavaScript alone: `disposed`
 * (used after `dispose()`), `network` (a URL gave an error or something else than what was asked for), `worker` (a
 * pool's worker could not start or ended; what it was at is lost).
 */
export type SirenRopeErrorCode =
  | 'argument'
  | 'memory'
  | 'limit'
  | 'format'
  | 'config'
  | 'tensor'
  | 'value'
  | 'time'
  | 'feature'
  | 'json'
  | 'snapshot'
  | 'unsupported'
  | 'io'
  | 'disposed'
  | 'network'
  | 'worker';

/**
 * Thrown for everything a caller, a file or a server can get wrong. The model and its sessions stay usable after it.
 */
export class SirenRopeError extends Error {
  override readonly name = 'SirenRopeError';
  /** A stable word to branch on. */
  readonly code: SirenRopeErrorCode;
  /** The place: `history[3].time`, `candidates[0].item.tag`, a tensor's name, `header byte 123`, a URL; may be `''`. */
  readonly where: string;

  constructor(code: SirenRopeErrorCode, message: string, where = '', options?: { cause?: unknown }) {
    super(where ? `${where}: ${message}` : message, options);
    this.code = code;
    this.where = where;
  }
}
