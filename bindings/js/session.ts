/* session.ts: one user's state in the model's wasm instance. */
import {
  candidateColumns,
  checkCount,
  checkNetwork,
  eventColumns,
  numberOrNone,
  seconds,
  signalColumn,
} from './checks.js';
import { DISPOSE } from './dispose.js';
import { SirenRopeError } from './error.js';
import type { ModelParts } from './parts.js';
import { encodeRanking, rankedItems } from './ranking.js';
import { checkObject, encodeEvents } from './records.js';
import type {
  Candidate,
  CandidateTensors,
  EventTensors,
  HistoryEvent,
  RankOptions,
  RankResult,
} from './types.js';
import type { SessionHandle, Wasm } from './wasm.js';

/** The net for sessions that nobody disposed of. What it holds does not hold the session. */
const forgotten = /* @__PURE__ */ new FinalizationRegistry<{ wasm: Wasm; handle: SessionHandle }>(({ wasm, handle }) =>
  wasm.freeSession(handle),
);

/**
 * A user's events, and what the model has computed of them. Made by `model.createSession` or `model.restoreSession`.
 * After an error it is as it was before the call.
 */
export class Session {
  readonly #parts: ModelParts;
  readonly #strict: boolean;
  #handle: SessionHandle | undefined;

  /** @internal */
  constructor(parts: ModelParts, handle: SessionHandle, strict: boolean) {
    this.#parts = parts;
    this.#handle = handle;
    this.#strict = strict;
    forgotten.register(this, { wasm: parts.wasm, handle }, this);
  }

  /**
   * Adds what the user just did, oldest first, all or none. Runs no network: the next `rank` does. Beyond `maxHistory`
   * the oldest drop out.
   * @throws SirenRopeError `argument`, `time` (no time, or decreasing, also against what is held), `value`, `feature`,
   * `limit`, `memory`, `disposed`; `where` names the place, `history[i]` counted in `events`
   */
  append(events: readonly HistoryEvent[]): void {
    const handle = this.#live;
    this.#parts.wasm.append(handle, encodeEvents(this.#parts, events, this.#strict));
  }

  /**
   * Scores candidates as if each were the next event, none seeing the others, and orders them.
   * @throws SirenRopeError `argument`, `time`, `value`, `feature`, `limit`, `memory`, `disposed`; `where` names the
   * place
   */
  rank<C extends Candidate>(candidates: readonly C[], options: RankOptions = {}): RankResult<C> {
    const { wasm, info } = this.#parts;
    const handle = this.#live;
    const { bytes, limit } = encodeRanking(this.#parts, candidates, options, this.#strict);
    const ranking = wasm.rank(handle, bytes, limit, candidates.length * info.tasks.length);
    const influences = options.explain === true ? wasm.explain(handle, bytes) : undefined;
    return { items: rankedItems(candidates, info.tasks, ranking, influences) };
  }

  /**
   * `append` for raw vectors. `context` is not used here.
   * @throws SirenRopeError `argument` (a kind or length), `time`, `value`, `limit`, `memory`, `disposed`
   */
  appendTensors(events: EventTensors): void {
    const { wasm, info, limits } = this.#parts;
    const handle = this.#live;
    checkObject(events, 'events');
    const [n, columns] = eventColumns(events, info);
    checkCount(n, limits.events, 'events');
    wasm.appendTensors(handle, n, columns);
  }

  /**
   * Logits of raw candidate vectors, for those who count microseconds.
   * @returns (N·T), row-major; a candidate's are the same to the bit whichever others are in the request.
   * @throws SirenRopeError `argument` (a kind or length), `time`, `value`, `limit`, `memory`, `disposed`
   */
  scoreTensors(candidates: CandidateTensors): Float32Array {
    const { wasm, info, limits } = this.#parts;
    const handle = this.#live;
    checkObject(candidates, 'candidates');
    const [n, columns] = candidateColumns(candidates, info);
    checkCount(n, limits.candidates, 'candidates');
    const now = seconds(candidates.now, 'now');
    return wasm.scoreTensors(handle, n, columns, now, numberOrNone(candidates.utcOffsetMinutes, 'utcOffsetMinutes'));
  }

  /**
   * For parity work: an angle network's raw outputs, before `freq` and order, at every event and, last, at `now`.
   * Siren models.
   * @returns (C+1, A), row-major.
   * @throws SirenRopeError `unsupported` (no siren model), `argument`, `time`, `value`, `memory`, `disposed`
   */
  angleTensors(
    at: Pick<CandidateTensors, 'now' | 'signal' | 'utcOffsetMinutes'> & { network?: 'layers' | 'action' },
  ): Float32Array {
    const { wasm, info } = this.#parts;
    const handle = this.#live;
    checkObject(at, 'at');
    const offset = numberOrNone(at.utcOffsetMinutes, 'utcOffsetMinutes');
    return wasm.angles(handle, signalColumn(at.signal, info), seconds(at.now, 'now'), offset, checkNetwork(at.network));
  }

  /**
   * Everything the session is, for `model.restoreSession`, on any machine and in either build.
   * @throws SirenRopeError `memory`, `disposed`
   */
  snapshot(): Uint8Array {
    return this.#parts.wasm.snapshot(this.#live);
  }

  /** Forgets all events. */
  clear(): void {
    this.#parts.wasm.clearSession(this.#live);
  }

  /** C: how many events the session holds. */
  get count(): number {
    return this.#parts.wasm.countSession(this.#live);
  }

  /** Gives the session's memory back to its model. The session throws `disposed` from now on. May be called again. */
  dispose(): void {
    if (this.#handle === undefined) return;
    forgotten.unregister(this);
    this.#parts.wasm.freeSession(this.#handle);
    this.#handle = undefined;
  }

  [DISPOSE](): void {
    this.dispose();
  }

  get #live(): SessionHandle {
    if (this.#handle === undefined) throw new SirenRopeError('disposed', 'the session was disposed of');
    return this.#handle;
  }
}
