/* training.ts: a training: what it is, its steps, and the model that comes of it. */
import { wholeOr } from './checks.js';
import { DISPOSE } from './dispose.js';
import { SirenRopeError } from './error.js';
import { nameOf } from './kinds.js';
import type { SimulatedEvent, TrainingEvent, TrainingInfo } from './train_types.js';
import type { TrainWasm } from './train_wasm.js';

/** What C counts with. */
const MAX_COUNT = 2 ** 31;

/**
 * A training in a wasm instance of its own. Make one with `createTraining`. It computes where it is called, so a page has
 * it in a worker. Not shared between threads.
 */
export class Training {
  readonly info: TrainingInfo;
  readonly #wasm: TrainWasm;

  /** @internal */
  constructor(wasm: TrainWasm, info: TrainingInfo) {
    this.#wasm = wasm;
    this.info = info;
  }

  /**
   * Takes up to n steps, by default all that are left, and the evaluations that are due after them.
   * @returns what happened, in order; nothing where the training is done.
   * @throws SirenRopeError `value` (the loss is not finite or explodes: this training is of no more use), `argument`,
   * `memory`, `disposed`
   */
  run(n?: number): TrainingEvent[] {
    return this.#wasm.run(Math.min(wholeOr(n, MAX_COUNT, 'n'), MAX_COUNT));
  }

  /** Nothing is left to train. */
  get isDone(): boolean {
    return this.#wasm.isDone;
  }

  /** Steps taken. */
  get stepCount(): number {
    return this.#wasm.stepCount;
  }

  /**
   * The model as a `.safetensors` file, for `loadModel` of the main entry: as it is now or, with `best`, as it was at the
   * best evaluation so far.
   * @throws SirenRopeError `argument`, `memory`, `disposed`
   */
  model(options: { best?: boolean } = {}): Uint8Array {
    const { best } = options;
    if (best !== undefined && typeof best !== 'boolean')
      throw new SirenRopeError('argument', `expected true or false, found ${nameOf(best)}`, 'best');
    return this.#wasm.model(best === true);
  }

  /**
   * The first n events of a simulated user, by default all, oldest first. Numbers from `simulation.users` on are users
   * that the training has not seen.
   * @throws SirenRopeError `argument`, `memory`, `disposed`
   */
  feed(user: number, n?: number): SimulatedEvent[] {
    if (typeof user !== 'number')
      throw new SirenRopeError('argument', `expected a number, found ${nameOf(user)}`, 'user');
    return this.#wasm.feed(user, Math.min(wholeOr(n, MAX_COUNT, 'n'), MAX_COUNT));
  }

  /** Bytes of wasm memory held now; given back by `dispose()`. */
  get memoryBytes(): number {
    return this.#wasm.memoryBytes;
  }

  /** Gives all memory back. The training throws `disposed` from now on. May be called again. */
  dispose(): void {
    this.#wasm.dispose();
  }

  [DISPOSE](): void {
    this.dispose();
  }
}
