/* model.ts: a loaded model: what it is, sessions, and what it computes without one. */
import { DISPOSE } from './dispose.js';
import { SirenRopeError } from './error.js';
import { bytesOf, isList, nameOf } from './kinds.js';
import { PARTS, type ModelParts } from './parts.js';
import { checkObject, namesOf } from './records.js';
import { Session } from './session.js';
import { boundsOf, checkCount, checkNetwork, contextColumn, eventColumns, numberOrNone, wholeOr } from './checks.js';
import type { AnglesOptions, EventTensors, Limits, ModelInfo, SessionOptions, Time } from './types.js';
import type { Wasm } from './wasm.js';
import { Writer } from './writer.js';

/**
 * A model in a wasm instance of its own. Make one with `loadModel`; make a session for each user. Not shared between
 * threads: load one in each worker.
 */
export class Model {
  /** The model's configuration, tensors, sizes and the wasm build in use. */
  readonly info: ModelInfo;
  readonly #parts: ModelParts;

  /** @internal */
  constructor(wasm: Wasm, limits: Limits = {}) {
    const { isa, ...description } = JSON.parse(wasm.describeModel()) as ModelInfo;
    const tasks = description.config.labels;
    this.info = { ...description, isa, build: wasm.abi.build, tasks };
    const bounds = boundsOf(limits);
    const writer = new Writer(wasm.abi.tags, wasm.abi.max_list, bounds.bytes);
    this.#parts = { wasm, info: this.info, names: namesOf(this.info.config), limits: bounds, writer };
  }

  /**
   * A user's state.
   * @throws SirenRopeError `argument`, `time`, `value`, `feature`, `limit`, `memory`, `disposed`
   */
  createSession(options: SessionOptions = {}): Session {
    checkObject(options, 'options');
    const { wasm } = this.#parts;
    const maxHistory = wholeOr(options.maxHistory, 0, 'maxHistory');
    if (maxHistory > wasm.abi.max_history)
      throw new SirenRopeError('limit', `${maxHistory} events, the bound is ${wasm.abi.max_history}`, 'maxHistory');
    const handle = wasm.createSession(maxHistory, numberOrNone(options.utcOffsetMinutes, 'utcOffsetMinutes'));
    const session = new Session(this.#parts, handle, options.strict === true);
    try {
      if (options.history !== undefined) session.append(options.history);
    } catch (error) {
      session.dispose();
      throw error;
    }
    return session;
  }

  /**
   * The session whose `snapshot()` these bytes are: the same logits to the bit.
   * @throws SirenRopeError `snapshot` (damaged, of another version or another model), `argument`, `memory`, `disposed`
   */
  restoreSession(bytes: Uint8Array | ArrayBuffer, options: Pick<SessionOptions, 'strict'> = {}): Session {
    const view = bytesOf(bytes);
    if (!view) throw new SirenRopeError('argument', `expected bytes, found ${nameOf(bytes)}`, 'snapshot');
    checkObject(options, 'options');
    return new Session(this.#parts, this.#parts.wasm.restoreSession(view), options.strict === true);
  }

  /**
   * The time part of the rotation, f(t) · freq, with `order` taken as 0.
   * @returns (n·P) radians, row-major: every time by every rotation pair. Zeros for ordinal models.
   * @throws SirenRopeError `argument`, `time`, `value`, `feature`, `limit`, `memory`, `disposed`
   */
  angles(times: readonly Time[] | Float64Array, options: AnglesOptions = {}): Float64Array {
    const { wasm, writer, names, limits } = this.#parts;
    checkObject(options, 'options');
    if (!isList(times)) throw new SirenRopeError('argument', `expected a list, found ${nameOf(times)}`, 'times');
    checkCount(times.length, limits.events, 'times');
    writer.reset();
    writer.scalar(options.utcOffsetMinutes);
    writer.values(options.signal, names.signal);
    writer.count(times.length);
    for (let i = 0; i < times.length; i++) writer.time(times[i]);
    return wasm.modelAngles(writer.bytes, checkNetwork(options.network));
  }

  /**
   * Every event's engagement, predicted from the events before its request: for evaluation and parity work. `context`
   * is needed unless Z is 0.
   * @returns (n·T) logits, row-major.
   * @throws SirenRopeError `argument`, `time`, `value`, `limit`, `memory`, `disposed`
   */
  sequenceTensors(events: EventTensors, options: { utcOffsetMinutes?: number } = {}): Float32Array {
    checkObject(events, 'events');
    checkObject(options, 'options');
    const [n, columns] = eventColumns(events, this.info);
    checkCount(n, this.#parts.limits.events, 'events');
    columns.push(contextColumn(events.context, n, this.info));
    return this.#parts.wasm.sequence(n, columns, numberOrNone(options.utcOffsetMinutes, 'utcOffsetMinutes'));
  }

  /** @internal */
  get [PARTS](): ModelParts {
    return this.#parts;
  }

  /** Bytes of wasm memory held now. It grows as needed, up to 2 GiB, and is given back by `dispose()`. */
  get memoryBytes(): number {
    return this.#parts.wasm.memoryBytes;
  }

  /** Gives all memory back. The model and its sessions throw `disposed` from now on. May be called again. */
  dispose(): void {
    this.#parts.wasm.dispose();
  }

  [DISPOSE](): void {
    this.dispose();
  }
}
