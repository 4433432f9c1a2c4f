/* worker_pool.ts: a model in several workers: what it is, and sessions. */
import { numberOrNone, wholeOr } from './checks.js';
import { DISPOSE } from './dispose.js';
import { SirenRopeError } from './error.js';
import type { Crew } from './pool_crew.js';
import { PoolSession } from './pool_session.js';
import { checkObject } from './records.js';
import type { ModelInfo, SessionOptions } from './types.js';

/**
 * A model, loaded in every one of several workers, which share requests among them. Make one with `createPool`; make a session
 * for each user. A worker that ends takes the requests it was at with it (`worker`); the others go on.
 */
export class Pool {
  /** The model's configuration, tensors, sizes and the wasm build in use. */
  readonly info: ModelInfo;
  readonly #crew: Crew;

  /** @internal */
  constructor(crew: Crew) {
    this.#crew = crew;
    this.info = crew.encoding.info;
  }

  /** How many workers there are: fewer than at first where some have ended, 0 after `dispose()`. */
  get workers(): number {
    return this.#crew.alive;
  }

  /**
   * A user's state, in every worker.
   * @throws SirenRopeError `argument`, `time`, `value`, `feature`, `limit`, `memory`, `disposed`, `worker` (none is left)
   */
  async createSession(options: SessionOptions = {}): Promise<PoolSession> {
    checkObject(options, 'options');
    const { maxHistory: bound, encoding } = this.#crew;
    const maxHistory = wholeOr(options.maxHistory, 0, 'maxHistory');
    if (maxHistory > bound) throw new SirenRopeError('limit', `${maxHistory} events, the bound is ${bound}`, 'maxHistory');
    const offset = numberOrNone(options.utcOffsetMinutes, 'utcOffsetMinutes');
    const { history } = options;
    const id = this.#crew.name(maxHistory || encoding.info.config.max_history);
    const session = new PoolSession(this.#crew, id, options.strict === true);
    try {
      await this.#crew.askAll('createSession', id, maxHistory, offset);
      if (history !== undefined) await session.append(history);
    } catch (error) {
      session.dispose();
      throw error;
    }
    return session;
  }

  /** Ends the workers. The pool and its sessions throw `disposed` from now on. May be called again. */
  dispose(): void {
    this.#crew.end(new SirenRopeError('disposed', 'the pool was disposed of'));
  }

  [DISPOSE](): void {
    this.dispose();
  }
}
