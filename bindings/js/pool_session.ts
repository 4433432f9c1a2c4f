/* pool_session.ts: one user's state in every worker of a pool. Every worker holds the whole history and runs it itself;
 * candidates are dealt out in runs. Calls are posted when they are made, so they take effect in their order. */
import { candidateColumns, checkCount, eventColumns, numberOrNone, seconds } from './checks.js';
import { DISPOSE } from './dispose.js';
import { SirenRopeError } from './error.js';
import type { Encoding } from './parts.js';
import type { Crew } from './pool_crew.js';
import type { PoolRankOptions, PoolScoreOptions } from './pool_types.js';
import type { SessionId } from './protocol.js';
import { encodeRanking, rankedItems, runOf } from './ranking.js';
import { checkObject, encodeEvents } from './records.js';
import { joinFloats, mergeInfluences, mergeRankings } from './shards.js';
import type { Candidate, CandidateTensors, EventTensors, HistoryEvent, RankResult } from './types.js';

/** The net for sessions that nobody disposed of. What it holds does not hold the session. */
const forgotten = /* @__PURE__ */ new FinalizationRegistry<{ crew: Crew; id: SessionId }>(({ crew, id }) =>
  crew.forget(id),
);

/**
 * A user's events, held by every worker of the pool. Made by `pool.createSession`. Calls need not be awaited one by one: they
 * take effect in the order in which they are made. After an error it is as it was before the call.
 */
export class PoolSession {
  readonly #crew: Crew;
  readonly #id: SessionId;
  readonly #strict: boolean;
  #count = 0;
  #isDisposed = false;

  /** @internal */
  constructor(crew: Crew, id: SessionId, strict: boolean) {
    this.#crew = crew;
    this.#id = id;
    this.#strict = strict;
    forgotten.register(this, { crew, id }, this);
  }

  /**
   * `append` of a session: adds what the user just did, oldest first, all or none.
   * @throws SirenRopeError as there, and `worker` (none is left)
   */
  async append(events: readonly HistoryEvent[]): Promise<void> {
    const encoding = this.#encoding;
    const bytes = encodeEvents(encoding, events, this.#strict).slice();
    this.#crew.noteEvents(this.#id, events.length);
    this.#count = await this.#crew.askAll('append', this.#id, bytes);
  }

  /**
   * `rank` of a session, to the bit: items, order, scores, probabilities, explanations, errors.
   * @throws SirenRopeError as there, and `worker` (one that was at this request ended; those that are left take the next)
   */
  async rank<C extends Candidate>(candidates: readonly C[], options: PoolRankOptions = {}): Promise<RankResult<C>> {
    const encoding = this.#encoding;
    const call = encodeRanking(encoding, candidates, options, this.#strict);
    const kept = [...candidates]; // the caller may change theirs while the workers are at it
    const explain = options.explain === true;
    const { shards, answers } = this.#crew.deal(this.#id, kept.length, options.workers, explain, (worker, shard) => {
      const n = shard.last - shard.first;
      return worker.ask('rank', this.#id, n, runOf(call, shard.first, shard.last), Math.min(call.limit, n), explain);
    });
    const parts = await answers;
    const rankings = parts.map(({ ranking }) => ranking);
    const ranking = mergeRankings(shards, rankings, call.limit);
    const influences = explain ? mergeInfluences(shards, parts.map((part) => part.influences!)) : undefined;
    return { items: rankedItems(kept, encoding.info.tasks, ranking, influences) };
  }

  /**
   * `appendTensors` of a session.
   * @throws SirenRopeError as there, and `worker` (none is left)
   */
  async appendTensors(events: EventTensors): Promise<void> {
    const { info, limits } = this.#encoding;
    checkObject(events, 'events');
    const [n, columns] = eventColumns(events, info);
    checkCount(n, limits.events, 'events');
    this.#crew.noteEvents(this.#id, n);
    this.#count = await this.#crew.askAll('appendTensors', this.#id, n, columns.map((column) => rowsOf(column, 0)));
  }

  /**
   * `scoreTensors` of a session, to the bit.
   * @returns (N·T) logits, row-major.
   * @throws SirenRopeError as there, and `worker` (one that was at this request ended; those that are left take the next)
   */
  async scoreTensors(candidates: CandidateTensors, options: PoolScoreOptions = {}): Promise<Float32Array> {
    const { info, limits } = this.#encoding;
    checkObject(candidates, 'candidates');
    checkObject(options, 'options');
    const [n, columns] = candidateColumns(candidates, info);
    checkCount(n, limits.candidates, 'candidates');
    const now = seconds(candidates.now, 'now');
    const offset = numberOrNone(candidates.utcOffsetMinutes, 'utcOffsetMinutes');
    const widths = [info.sizes.X, info.sizes.Z, info.sizes.G];
    const { answers } = this.#crew.deal(this.#id, n, options.workers, false, (worker, { first, last }) => {
      const rows = columns.map((column, i) => rowsOf(column, first * widths[i]!, last * widths[i]!));
      return worker.ask('scoreTensors', this.#id, last - first, rows, now, offset);
    });
    return joinFloats(await answers);
  }

  /** C: how many events the session holds, as of the last append that was answered. */
  get count(): number {
    this.#checkLive();
    return this.#count;
  }

  /** Gives the session's memory back in every worker. It throws `disposed` from now on. May be called again. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    forgotten.unregister(this);
    this.#crew.forget(this.#id);
  }

  [DISPOSE](): void {
    this.dispose();
  }

  get #encoding(): Encoding {
    this.#checkLive();
    return this.#crew.encoding;
  }

  #checkLive(): void {
    if (this.#isDisposed) throw new SirenRopeError('disposed', 'the session was disposed of');
  }
}

/** A copy in a buffer of its own: a message takes a view's whole buffer along. */
function rowsOf(column: ArrayBufferView | undefined, from: number, to?: number): ArrayBufferView | undefined {
  return (column as Float32Array | undefined)?.slice(from, to);
}
