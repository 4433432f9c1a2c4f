/* records.ts: events and candidates -> tagged bytes, in the order of bindings/wasm/abi.c, and checks of what only
 * JavaScript can see: that records are objects, and, when strict, names the model does not know. */
import { SirenRopeError } from './error.js';
import { isList, nameOf } from './kinds.js';
import type { Candidate, HistoryEvent, ModelConfig } from './types.js';
import { checkCount } from './checks.js';
import type { Encoding } from './parts.js';
import type { Writer } from './writer.js';

type List = 'item' | 'action' | 'context' | 'signal';

/** The names of each list, in the model's order; undefined where the list is a raw vector. */
export type Names = Record<List, readonly string[] | undefined>;

export function namesOf(config: ModelConfig): Names {
  const names = (list: 'item' | 'action' | 'context'): string[] | undefined =>
    config.features?.[list]?.map(({ name }) => name);
  return { item: names('item'), action: names('action'), context: names('context'), signal: config.angle_signals };
}

/** An array of at most `limit` objects. */
export function checkRecords(records: unknown, place: string, limit: number): void {
  if (!Array.isArray(records))
    throw new SirenRopeError('argument', `expected an array, found ${nameOf(records)}`, place);
  checkCount(records.length, limit, place);
  for (let i = 0; i < records.length; i++) checkObject(records[i], `${place}[${i}]`);
}

export function checkObject(value: unknown, place: string): void {
  if (typeof value !== 'object' || value === null || isList(value))
    throw new SirenRopeError('argument', `expected an object, found ${nameOf(value)}`, place);
}

/** Names in any list that the model does not know are a `feature` error. */
export function checkNames(records: readonly object[], place: string, lists: readonly List[], names: Names): void {
  records.forEach((record, i) => {
    for (const list of lists) {
      const known = names[list];
      const value: unknown = (record as Record<List, unknown>)[list];
      if (!known || typeof value !== 'object' || value === null || isList(value)) continue;
      for (const name of Object.keys(value))
        if (!known.includes(name))
          throw new SirenRopeError('feature', 'the model has no such name', `${place}[${i}].${list}.${name}`);
    }
  });
}

/** The bytes of a call of `append`, borrowed from the writer. */
export function encodeEvents(
  { writer, names, limits }: Encoding,
  events: readonly HistoryEvent[],
  strict: boolean,
): Uint8Array {
  checkRecords(events, 'history', limits.events);
  if (strict) checkNames(events, 'history', ['item', 'action', 'context', 'signal'], names);
  writer.reset().count(events.length);
  for (const event of events) {
    writer.time(event.time);
    writer.scalar(event.request);
    writer.scalar(event.utcOffsetMinutes);
    writer.values(event.item, names.item);
    writer.values(event.action, names.action);
    writer.values(event.context, names.context);
    writer.values(event.signal, names.signal);
  }
  return writer.bytes;
}

/** Where each candidate begins, and where the last ends. */
export function writeCandidates(writer: Writer, candidates: readonly Candidate[], names: Names): number[] {
  writer.count(candidates.length);
  const starts = candidates.map((candidate) => {
    const start = writer.length;
    writer.values(candidate.item, names.item);
    writer.values(candidate.context, names.context);
    writer.values(candidate.signal, names.signal);
    return start;
  });
  return [...starts, writer.length];
}
