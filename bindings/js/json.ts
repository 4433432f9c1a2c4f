/* json.ts: a value of the caller's -> JSON text that says the same. JSON.stringify alone turns NaN into null and leaves
 * functions out; here both are errors. */
import { SirenRopeError } from './error.js';
import { nameOf, tagOf } from './kinds.js';

/** As deep as C reads (DEPTH in src/train/recipe.c); also stops at objects that hold themselves. */
const MAX_DEPTH = 32;

/**
 * Members that are undefined are left out.
 * @throws SirenRopeError `value` (NaN, infinite), `argument` (no JSON value), `limit` (too deep); where = the member
 */
export function toJson(value: unknown, where: string): string {
  check(value, where, 1);
  return JSON.stringify(value);
}

function check(value: unknown, where: string, depth: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return;
    throw new SirenRopeError('value', `expected a finite number, found ${value}`, where);
  }
  if (depth > MAX_DEPTH) throw new SirenRopeError('limit', `lies deeper than ${MAX_DEPTH} lists and objects`, where);
  if (Array.isArray(value)) value.forEach((element, i) => check(element, `${where}[${i}]`, depth + 1));
  else if (tagOf(value) === 'Object')
    for (const [name, member] of Object.entries(value as object)) {
      if (member !== undefined) check(member, `${where}.${name}`, depth + 1);
    }
  else throw new SirenRopeError('argument', `expected a value that JSON has, found ${nameOf(value)}`, where);
}
