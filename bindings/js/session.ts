/* session.ts: one user's state in the model's wasm instance. */
import {
  candidateColumns,
  checkCount,
  checkNetwork,
  eventColumns,
  numberOrNone,
  seconds,
  signalColumn,
  wholeOr,
} from './checks.js';
import { DISPOSE } from './dispose.js';
import { SirenRopeError } from './error.js';
import { checkNames, checkObject, checkRecords, writeCandidates, writeEvents } from './records.js';
import type { ModelParts } from './model.js';
import type {
  Candidate,
  CandidateTensors,
  EventTensors,
  Explanation,
  HistoryEvent,
  RankOptions,
  RankResult,
  RankedItem,
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
    const { wasm, writer, names, limits } = this.#parts;
    const handle = this.#live;
    checkRecords(events, 'history', limits.events);
    if (this.#strict) checkNames(events, 'history', ['item', 'action', 'context', 'signal'], names);
    writeEvents(writer.reset(), events, names);
    wasm.append(handle, writer);
  }

  /**
   * Scores candidates as if each were the next event, none seeing the others, and orders them.
   * @throws SirenRopeError `argument`, `time`, `value`, `feature`, `limit`, `memory`, `disposed`; `where` names the
   * place
   */
  rank<C extends Candidate>(candidates: readonly C[], options: RankOptions = {}): RankResult<C> {
    const { wasm, writer, names, info, limits } = this.#parts;
    const handle = this.#live;
    checkRecords(candidates, 'candidates', limits.candidates);
    checkObject(options, 'options');
    if (this.#strict) checkNames(candidates, 'candidates', ['item', 'context', 'signal'], names);
    const limit = wholeOr(options.limit, 0, 'limit');
    writer.reset();
    writer.time(options.now === undefined ? Date.now() : (options.now ?? NaN));
    writer.scalar(options.utcOffsetMinutes);
    writer.value(weightList(options.weights, info.tasks));
    writeCandidates(writer, candidates, names);
    const n = info.tasks.length;
    const { index, score, probabilities } = wasm.rank(
      handle,
      writer,
      Math.min(limit, candidates.length),
      candidates.length * n,
    );
    const items = index.map((place, i): RankedItem<C> => ({
      item: candidates[place]!,
      index: place,
      score: score[i]!,
      probabilities: Object.fromEntries(info.tasks.map((task, t) => [task, probabilities[place * n + t]!])),
    }));
    if (options.explain === true) {
      const numbers = wasm.explain(handle, writer);
      for (const item of items) item.explanation = explanationOf(numbers, item.index, candidates.length, this.count);
    }
    return { items };
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

/** Row `place` of influence (N, C) and of timeless (N). */
function explanationOf(numbers: Float64Array, place: number, n: number, c: number): Explanation {
  const influences = Array.from(numbers.subarray(place * c, (place + 1) * c));
  const events = influences.map((influence, index) => ({ index, influence }));
  return {
    events: events.sort((a, b) => Math.abs(b.influence) - Math.abs(a.influence)),
    timeless: numbers[n * c + place]!,
  };
}

/** (T) in the tasks' order; what is no number goes on to C, which says so. */
function weightList(weights: unknown, tasks: readonly string[]): unknown[] | undefined {
  if (weights === undefined) return undefined;
  checkObject(weights, 'weights');
  const named = weights as Record<string, unknown>;
  for (const name of Object.keys(named))
    if (!tasks.includes(name))
      throw new SirenRopeError('argument', `no such task; the model has ${tasks.join(', ')}`, `weights.${name}`);
  return tasks.map((task) => (Object.hasOwn(named, task) ? named[task] : 0));
}
