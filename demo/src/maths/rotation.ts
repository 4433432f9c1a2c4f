/* rotation.ts: angles of a rotation pair, and what they do to attention. Pure numbers; angles in radians, (P) per time.
 * Letters as in the README: P rotation pairs, n times. The time part f · freq is the package's (`model.angles`); here it gets
 * its ordinal part, and the two rotations that are fixed. */

/** Inverse frequencies base^(-j/P), j = 0 .. P-1: radians per place (P). */
export function inverseFrequencies(pairs: number, base: number): Float64Array {
  return Float64Array.from({ length: pairs }, (_, j) => base ** (-j / pairs));
}

/**
 * θ = f·freq − place · inv · λ: a learned rotation's whole angle.
 * @param timePart (n·P) of the package, row-major
 * @param places (n): the place of each time in the user's order of events, growing with time
 * @param inv (P)
 * @returns (n·P)
 */
export function wholeAngles(
  timePart: Float64Array,
  places: Float64Array,
  inv: ArrayLike<number>,
  orderScale: number,
): Float64Array {
  const out = new Float64Array(timePart.length);
  for (let i = 0, at = 0; i < places.length; i++)
    for (let j = 0; j < inv.length; j++, at++) out[at] = timePart[at]! - places[i]! * inv[j]! * orderScale;
  return out;
}

/** Fixed RoPE: −place · inv (n·P). */
export function ordinalAngles(places: Float64Array, inv: ArrayLike<number>): Float64Array {
  return wholeAngles(new Float64Array(places.length * inv.length), places, inv, 1);
}

/** TO-RoPE: −(place + time_scale · days) · inv (n·P): an ordinal rotation whose places are stretched by the time. */
export function toropeAngles(
  places: Float64Array,
  days: Float64Array,
  inv: ArrayLike<number>,
  timeScale: number,
): Float64Array {
  return ordinalAngles(
    places.map((place, i) => place + timeScale * days[i]!),
    inv,
  );
}

/**
 * κ(query, key) = 1/P · Σ_j cos(θ_j(query) − θ_j(key)): what attention's q·k is, of its largest value, where the content of
 * both is the same and has the same length in every pair.
 * @param query (P) @param keys (n·P)
 * @returns (n), each between −1 and 1
 */
export function attentionKernel(query: ArrayLike<number>, keys: Float64Array): Float64Array {
  const pairs = query.length;
  const out = new Float64Array(keys.length / pairs);
  for (let i = 0, at = 0; i < out.length; i++) {
    let sum = 0;
    for (let j = 0; j < pairs; j++, at++) sum += Math.cos(query[j]! - keys[at]!);
    out[i] = sum / pairs;
  }
  return out;
}

const TURN = 2 * Math.PI;

/** The angle between −π and π that points the same way. */
export function wrapAngle(angle: number): number {
  return angle - TURN * Math.round(angle / TURN);
}

export function degrees(angle: number): number {
  return (angle * 360) / TURN;
}
