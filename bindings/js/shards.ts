/* shards.ts: a request in contiguous runs of candidates, one a worker: how many runs pay, and what their answers are together.
 * Letters: N candidates, C history events, T tasks; a shard holds candidates first ... last-1. */
import { SirenRopeError } from './error.js';
import type { Ranking } from './ranking.js';
import type { ModelInfo } from './types.js';

export interface Shard {
  first: number;
  last: number;
}

/** What one token takes, in floating-point operations. */
export interface TokenCost {
  event: number;
  candidate: number;
}

/**
 * What one worker more costs a request, in floating-point operations of one worker: measured as 0.25 ms (to write, post and
 * wake, on a busy machine) at the 25 GFLOP/s of one core.
 */
const WORKER_COST = 6e6;

/** Two for every weight that a token is multiplied with, and attention over C events. */
export function tokenCost({ sizes, tensors }: ModelInfo, c: number): TokenCost {
  const weights = (kinds: RegExp): number =>
    tensors
      .filter(({ name, shape }) => shape.length === 2 && kinds.test(name))
      .reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
  const attention = 4 * c * sizes.D * (sizes.L + 1);
  return {
    event: 2 * weights(/^(seq_|action_embedding|transformer_|action_attention\.W_[kv])/) + attention,
    candidate: 2 * weights(/^(seq_|transformer_|action_attention|head)/) + attention,
  };
}

/**
 * How many workers rank N candidates soonest. Each runs the history events that it has not run yet, all by itself, so they gain
 * on the candidates alone: (H + N) / (H + N/w) at best, less what a worker more costs.
 *
 * @param pending of each worker at hand, in the order in which they would be taken: events that it has not run yet.
 */
export function chooseWorkers(n: number, pending: readonly number[], { event, candidate }: TokenCost): number {
  const cost = (workers: number): number =>
    Math.max(...pending.slice(0, workers)) * event + (n / workers) * candidate + workers * WORKER_COST;
  let best = 1;
  for (let workers = 2; workers <= Math.min(pending.length, n); workers++)
    if (cost(workers) < cost(best)) best = workers;
  return best;
}

/** N candidates in as many shards, none empty unless N is 0; their sizes differ by one at most. */
export function shardsOf(n: number, workers: number): Shard[] {
  const count = Math.max(1, Math.min(workers, n));
  const edge = (i: number): number => Math.floor((i * n) / count);
  return Array.from({ length: count }, (_, i) => ({ first: edge(i), last: edge(i + 1) }));
}

/** The shards' rankings as one: best first, ties in the request's order, NaN last, as src/rank/topk.c has it. limit 0 = all. */
export function mergeRankings(shards: readonly Shard[], rankings: readonly Ranking[], limit: number): Ranking {
  const all = rankings.flatMap(({ index, score }, s) =>
    Array.from(index, (place, i) => ({ index: shards[s]!.first + place, score: score[i]! })),
  );
  all.sort((a, b) => Number(isNaN(a.score)) - Number(isNaN(b.score)) || b.score - a.score); // stable
  const kept = limit === 0 ? all : all.slice(0, limit);
  return {
    index: Uint32Array.from(kept, ({ index }) => index),
    score: Float64Array.from(kept, ({ score }) => score),
    probabilities: joinFloats(rankings.map(({ probabilities }) => probabilities)),
  };
}

export function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  parts.reduce((at, part) => (joined.set(part, at), at + part.length), 0);
  return joined;
}

/** The shards' influences (N, C) and, after them, timeless scores (N) as those of one. */
export function mergeInfluences(shards: readonly Shard[], parts: readonly Float64Array[]): Float64Array {
  const n = shards.at(-1)!.last;
  const merged = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  const c = merged.length / n - 1;
  shards.forEach(({ first, last }, s) => {
    const part = parts[s]!;
    merged.set(part.subarray(0, (last - first) * c), first * c);
    merged.set(part.subarray((last - first) * c), n * c + first);
  });
  return merged;
}

const PLACE = /^candidates\[(\d+)\]/;
/** The lists whose numbers C checks, one list after the other, once it has read all candidates. */
const CHECKED = ['item', 'context', 'signal'];

/**
 * Of what shards failed with, the error that one worker alone would have come to first, with its place in the whole request.
 * `errors` and `shards` go together. Errors of no candidate come before all candidates or after; in the first case every shard
 * has the same, in the other no shard has another.
 */
export function firstError(errors: readonly unknown[], shards: readonly Shard[]): unknown {
  const ranked = errors.map((error, s) => {
    const where = error instanceof SirenRopeError ? PLACE.exec(error.where) : null;
    if (!where) return { error, turn: Infinity, index: s };
    const { code, where: place, message } = error as SirenRopeError;
    const index = Number(where[1]) + shards[s]!.first;
    const field = place.slice(where[0].length);
    const moved = new SirenRopeError(code, message.slice(place.length + 2), `candidates[${index}]${field}`);
    return { error: moved, turn: code === 'value' ? CHECKED.indexOf(field.slice(1)) : -1, index };
  });
  ranked.sort((a, b) => (a.turn === b.turn ? a.index - b.index : a.turn - b.turn));
  return ranked[0]!.error;
}
