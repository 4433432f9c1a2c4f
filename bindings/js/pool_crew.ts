/* pool_crew.ts: the workers of a pool, their sessions and who takes what. All hold the same: the model, and every session with
 * its whole history. So the pool outlives workers that end, as long as one is left. */
import { SirenRopeError } from './error.js';
import { wholeOr } from './checks.js';
import type { Encoding } from './parts.js';
import type { Answer, Call, Calls, SessionId } from './protocol.js';
import { chooseWorkers, firstError, shardsOf, tokenCost, type Shard } from './shards.js';
import type { WorkerClient } from './worker_client.js';

/** What one worker has before it. */
interface Member {
  worker: WorkerClient;
  /** Requests that it is at. */
  busy: number;
  /** By session: events that no request has made it run yet. */
  pending: Map<SessionId, number>;
}

interface Dealt<T> {
  shards: Shard[];
  /** In the shards' order. */
  answers: Promise<T[]>;
}

export class Crew {
  readonly encoding: Encoding;
  readonly maxHistory: number;
  readonly #members: Member[];
  /** By session: C, how many it holds at most. */
  readonly #sessions = new Map<SessionId, { count: number; most: number }>();
  #named = 0;

  /** maxHistory: C's bound on what a session may be made to hold. */
  constructor(workers: readonly WorkerClient[], encoding: Encoding, maxHistory: number) {
    this.encoding = encoding;
    this.maxHistory = maxHistory;
    this.#members = workers.map((worker) => ({ worker, busy: 0, pending: new Map() }));
  }

  get alive(): number {
    return this.#alive.length;
  }

  /** A new session's name; the caller makes it with `askAll`. most: events that it will hold. */
  name(most: number): SessionId {
    const id = this.#named++;
    this.#sessions.set(id, { count: 0, most });
    return id;
  }

  /** n events are on their way to every worker. */
  noteEvents(id: SessionId, n: number): void {
    const session = this.#sessions.get(id)!;
    const { variant, angle_features: features } = this.encoding.info.config;
    const usesOrder = variant === 'siren' && Array.isArray(features) && features.includes('order');
    const grown = session.count + n;
    session.count = Math.min(grown, session.most);
    const again = usesOrder || grown > session.most; // then everything is run again
    for (const { pending } of this.#members)
      pending.set(id, again ? session.count : Math.min((pending.get(id) ?? 0) + n, session.count));
  }

  forget(id: SessionId): void {
    this.#sessions.delete(id);
    for (const { worker, pending } of this.#members) {
      pending.delete(id);
      if (!worker.hasEnded) worker.ask('disposeSession', id).catch(() => undefined); // it ended: gone with the rest
    }
  }

  /**
   * The same of every worker; what one of them answers. They all come to the same, so one that alone fails (its memory is
   * full, it ended) is no longer like the others and has to go.
   */
  async askAll<K extends Call>(call: K, ...args: Parameters<Calls[K]>): Promise<Answer<K>> {
    const workers = this.#some.map(({ worker }) => worker);
    const outcomes = await Promise.allSettled(workers.map((worker) => worker.ask(call, ...args)));
    const done = outcomes.find((outcome) => outcome.status === 'fulfilled');
    const failures = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error) : undefined));
    if (!done) throw failures.find((failure) => (failure as SirenRopeError).code !== 'worker') ?? failures[0]!;
    failures.forEach((failure, i) => {
      if (failure) workers[i]!.end(new SirenRopeError('worker', `the worker lost step: ${failure.message}`));
    });
    return done.value;
  }

  /**
   * Deals n candidates out to as many workers as asked for, or as pay. With `again` the request runs the whole history.
   * @param wanted the caller's option `workers`
   */
  deal<T>(
    id: SessionId,
    n: number,
    wanted: unknown,
    again: boolean,
    ask: (worker: WorkerClient, shard: Shard) => Promise<T>,
  ): Dealt<T> {
    const asked = wanted === 'auto' ? undefined : wholeOrNone(wanted);
    const at = this.#inTurn(id);
    const shards = shardsOf(n, asked ? Math.min(asked, at.length) : this.#choose(id, n, at, again));
    const taken = shards.map((shard, s) => {
      const member = at[s]!;
      member.busy++;
      member.pending.set(id, 0);
      return ask(member.worker, shard).finally(() => member.busy--);
    });
    return { shards, answers: together(taken, shards) };
  }

  /** Every call is rejected with the reason, and what is waited for too. */
  end(reason: SirenRopeError): void {
    for (const { worker } of this.#members) worker.end(reason);
  }

  /** Workers at other requests are left to them: many requests at a time share the workers best one each. */
  #choose(id: SessionId, n: number, at: readonly Member[], again: boolean): number {
    const { count } = this.#sessions.get(id)!;
    const free = at.filter(({ busy }) => busy === 0);
    const pending = free.map((member) => (again ? count : (member.pending.get(id) ?? 0)));
    return chooseWorkers(n, pending, tokenCost(this.encoding.info, count));
  }

  /** The workers in the order in which they would be taken: the least busy first, of those the one that has least to run
   * first; sessions begin at different ones. */
  #inTurn(id: SessionId): Member[] {
    const alive = this.#some;
    const start = id % alive.length;
    const turned = [...alive.slice(start), ...alive.slice(0, start)];
    return turned.sort((a, b) => a.busy - b.busy || (a.pending.get(id) ?? 0) - (b.pending.get(id) ?? 0));
  }

  get #alive(): Member[] {
    return this.#members.filter(({ worker }) => !worker.hasEnded);
  }

  /** Those that live; if none does, the members, who say why. */
  get #some(): Member[] {
    const alive = this.#alive;
    return alive.length > 0 ? alive : this.#members;
  }
}

function wholeOrNone(wanted: unknown): number | undefined {
  return wanted === undefined ? undefined : wholeOr(wanted, Infinity, 'workers');
}

/** All answers; or the error that one worker alone would have come to. */
async function together<T>(answers: readonly Promise<T>[], shards: readonly Shard[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(answers);
  const failed = outcomes.flatMap((outcome, s) =>
    outcome.status === 'rejected' ? [{ error: outcome.reason as unknown, shard: shards[s]! }] : [],
  );
  if (failed.length > 0)
    throw firstError(
      failed.map(({ error }) => error),
      failed.map(({ shard }) => shard),
    );
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<T>).value);
}
