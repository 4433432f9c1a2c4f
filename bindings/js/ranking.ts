/* ranking.ts: a call of `rank` -> tagged bytes, whole or for a run of its candidates; the numbers that come of it -> the
 * caller's feed. */
import { wholeOr } from './checks.js';
import { SirenRopeError } from './error.js';
import type { Encoding } from './parts.js';
import { checkNames, checkObject, checkRecords, writeCandidates } from './records.js';
import type { Candidate, Explanation, RankOptions, RankedItem } from './types.js';

/** The order of `rank`: `index` and `score` (n), best first; `probabilities` (N, T) of all candidates. */
export interface Ranking {
  index: Uint32Array;
  score: Float64Array;
  probabilities: Float32Array;
}

export interface RankCall {
  /** Borrowed from the writer. */
  bytes: Uint8Array;
  /** (N + 1): where each candidate begins in `bytes`, and where the last ends. */
  starts: number[];
  /** How many items come back, at most N; 0 = all. */
  limit: number;
}

export function encodeRanking(
  { writer, names, info, limits }: Encoding,
  candidates: readonly Candidate[],
  options: RankOptions,
  strict: boolean,
): RankCall {
  checkRecords(candidates, 'candidates', limits.candidates);
  checkObject(options, 'options');
  if (strict) checkNames(candidates, 'candidates', ['item', 'context', 'signal'], names);
  const limit = Math.min(wholeOr(options.limit, 0, 'limit'), candidates.length);
  writer.reset();
  writer.time(options.now === undefined ? Date.now() : (options.now ?? NaN));
  writer.scalar(options.utcOffsetMinutes);
  writer.value(weightList(options.weights, info.tasks));
  const starts = writeCandidates(writer, candidates, names);
  return { bytes: writer.bytes, starts, limit };
}

/** The bytes of the same call for candidates first ... last-1 alone. A copy, in a buffer of its own. */
export function runOf({ bytes, starts }: RankCall, first: number, last: number): Uint8Array<ArrayBuffer> {
  const head = starts[0]!;
  const run = bytes.subarray(starts[first], starts[last]);
  const copy = new Uint8Array(head + run.length);
  copy.set(bytes.subarray(0, head));
  copy.set(run, head);
  new DataView(copy.buffer).setUint32(head - 4, last - first, true); // the head ends with their number
  return copy;
}

/** influences: (N, C), then the timeless scores (N). */
export function rankedItems<C extends Candidate>(
  candidates: readonly C[],
  tasks: readonly string[],
  { index, score, probabilities }: Ranking,
  influences?: Float64Array,
): RankedItem<C>[] {
  const n = tasks.length;
  return Array.from(index, (place, i): RankedItem<C> => {
    const item: RankedItem<C> = {
      item: candidates[place]!,
      index: place,
      score: score[i]!,
      probabilities: Object.fromEntries(tasks.map((task, t) => [task, probabilities[place * n + t]!])),
    };
    if (influences) item.explanation = explanationOf(influences, place, candidates.length);
    return item;
  });
}

/** Row `place` of influence (N, C) and of timeless (N). */
function explanationOf(numbers: Float64Array, place: number, n: number): Explanation {
  const c = numbers.length / n - 1;
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
