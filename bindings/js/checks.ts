/* checks.ts: checks of numbers, options and typed arrays (kinds and lengths), before anything goes into wasm memory. */
import { SirenRopeError } from './error.js';
import { isList, nameOf, tagOf } from './kinds.js';
import type { CandidateTensors, EventTensors, Limits, ModelInfo } from './types.js';
import type { Network } from './wasm.js';

type Kind = 'Float32Array' | 'Float64Array' | 'BigInt64Array';

/** An array of `kind` and exactly n × width numbers. */
function check(value: unknown, where: string, kind: Kind, n: number, width: number): ArrayBufferView {
  if (tagOf(value) !== kind) throw new SirenRopeError('argument', `expected a ${kind}, found ${nameOf(value)}`, where);
  const array = value as Float32Array;
  if (array.length !== n * width)
    throw new SirenRopeError('argument', `expected ${n} × ${width} numbers, found ${array.length}`, where);
  return array;
}

function checkOptional(
  value: unknown,
  where: string,
  kind: Kind,
  n: number,
  width: number,
): ArrayBufferView | undefined {
  return value === undefined ? undefined : check(value, where, kind, n, width);
}

function checkRequest(value: unknown, n: number): ArrayBufferView | undefined {
  if (value === undefined || tagOf(value) === 'BigInt64Array')
    return checkOptional(value, 'request', 'BigInt64Array', n, 1);
  if (!isList(value))
    throw new SirenRopeError('argument', `expected a list of integers, found ${nameOf(value)}`, 'request');
  const names = Array.from(value, (name: unknown, i) => {
    if (Number.isSafeInteger(name)) return BigInt(name as number);
    throw new SirenRopeError('argument', `expected an integer, found ${nameOf(name)}`, `request[${i}]`);
  });
  return check(BigInt64Array.from(names), 'request', 'BigInt64Array', n, 1);
}

/** n, and: item, action, time, signal, request, offset. Where `context` is given its length is checked too. */
export function eventColumns(events: EventTensors, { sizes }: ModelInfo): [number, (ArrayBufferView | undefined)[]] {
  const n = tagOf(events.timestamp) === 'Float64Array' ? events.timestamp.length : 0;
  check(events.timestamp, 'timestamp', 'Float64Array', n, 1);
  checkOptional(events.context, 'context', 'Float32Array', n, sizes.Z);
  return [
    n,
    [
      check(events.item, 'item', 'Float32Array', n, sizes.X),
      check(events.action, 'action', 'Float32Array', n, sizes.Y),
      events.timestamp,
      checkOptional(events.signal, 'signal', 'Float32Array', n, sizes.G),
      checkRequest(events.request, n),
      checkOptional(events.utcOffsetMinutes, 'utcOffsetMinutes', 'Float64Array', n, 1),
    ],
  ];
}

/** (n, Z), or undefined where Z is 0. */
export function contextColumn(context: unknown, n: number, { sizes }: ModelInfo): ArrayBufferView | undefined {
  return sizes.Z === 0 && context === undefined ? undefined : check(context, 'context', 'Float32Array', n, sizes.Z);
}

/** N, and: item, context, signal. */
export function candidateColumns(
  candidates: CandidateTensors,
  info: ModelInfo,
): [number, (ArrayBufferView | undefined)[]] {
  const { X, G } = info.sizes;
  const n = tagOf(candidates.item) === 'Float32Array' ? Math.ceil(candidates.item.length / X) : 0;
  return [
    n,
    [
      check(candidates.item, 'item', 'Float32Array', n, X),
      contextColumn(candidates.context, n, info),
      checkOptional(candidates.signal, 'signal', 'Float32Array', n, G),
    ],
  ];
}

/** One row of signals, (G). */
export function signalColumn(signal: unknown, { sizes }: ModelInfo): ArrayBufferView | undefined {
  return checkOptional(signal, 'signal', 'Float32Array', 1, sizes.G);
}

/** A number, NaN for none; what it may be is C's business. */
export function numberOrNone(value: unknown, where: string): number {
  if (value === undefined) return NaN;
  if (typeof value !== 'number')
    throw new SirenRopeError('argument', `expected a number, found ${nameOf(value)}`, where);
  if (!Number.isFinite(value)) throw new SirenRopeError('value', `expected a finite number, found ${value}`, where);
  return value;
}

/** How many rows one call may bring. */
export function checkCount(n: number, limit: number, where: string): void {
  if (n > limit) throw new SirenRopeError('limit', `${n} of them, the bound is ${limit}`, where);
}

/** Unix seconds as a number. */
export function seconds(value: unknown, where: string): number {
  if (typeof value === 'number') return value;
  throw new SirenRopeError('argument', `expected seconds as a number, found ${nameOf(value)}`, where);
}

/** A whole number from 1 up; undefined and Infinity give `all`. */
export function wholeOr(value: unknown, all: number, where: string): number {
  if (value === undefined || value === Infinity) return all;
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new SirenRopeError('argument', `expected a whole number of 1 or more, found ${nameOf(value)}`, where);
}

/** The caller's bounds, defaults filled in. */
export function boundsOf(limits: Limits): Required<Limits> {
  return {
    candidates: wholeOr(limits.candidates, 100_000, 'limits.candidates'),
    events: wholeOr(limits.events, 100_000, 'limits.events'),
    bytes: wholeOr(limits.bytes, 64 << 20, 'limits.bytes'),
  };
}

export function checkNetwork(network: unknown): Network {
  if (network === undefined || network === 'layers' || network === 'action') return network ?? 'layers';
  throw new SirenRopeError('argument', `expected 'layers' or 'action', found ${nameOf(network)}`, 'network');
}
