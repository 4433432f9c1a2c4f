/* reasons.ts: places in a list, and why an item is where it is, in words. Every number comes from the package: orders of the same
 * candidates at other times, with another history, or with time taken out of the rotation. */
import type { Explained, Ranked } from '../engine/protocol.js';
import { clockWords, weekdayWords } from '../maths/time.js';
import type { EditedEvent } from './history.js';

/** By candidate, from 1. */
export type Places = readonly number[];

export function placesOf({ items }: Pick<Ranked, 'items'>): Places {
  const places: number[] = [];
  items.forEach(({ index }, i) => (places[index] = i + 1));
  return places;
}

/** Places in the order of scores; equal ones keep the request's order, as in the package. */
export function placesByScore(scores: readonly number[]): Places {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const places: number[] = [];
  order.forEach((index, i) => (places[index] = i + 1));
  return places;
}

export function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}

export const signed = (v: number): string => `${v < 0 ? '−' : '+'}${Math.abs(v).toFixed(3)}`;

const step = (by: number): string => `${by > 0 ? 'up' : 'down'} ${Math.abs(by)}`;

export interface Grounds {
  place: number;
  /** At the first time, with the history as it was. */
  before: number;
  /** Now, with the history as it was. */
  unedited: number;
  /** Now, with time taken out of the rotation. */
  timeless: number;
}

/** What moved it: only the time, only the reader, or both. */
export function movementWords({ place, before, unedited }: Grounds): string {
  const byTime = before - unedited;
  const byReader = unedited - place;
  if (byTime === 0 && byReader === 0) return '';
  if (byReader === 0) return `${sentence(step(byTime))} because of the time.`;
  if (byTime === 0) return `${sentence(step(byReader))} because of your changes.`;
  return `Because of the time ${step(byTime)}, because of your changes ${step(byReader)}.`;
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export function timelessWords({ place, timeless }: Grounds): string {
  return timeless === place ? 'Without time in the rotation: the same place.' : `Without time in the rotation it would be ${ordinal(timeless)}.`;
}

export interface Influence {
  event: EditedEvent;
  /** The score less what it would be without the event. */
  influence: number;
}

/** What mattered most for a candidate. `sent` is the history as the package had it. */
export function strongest({ influence }: Explained['items'][number], sent: readonly EditedEvent[], most: number): Influence[] {
  return sent
    .map((event, i) => ({ event, influence: influence[i]! }))
    .filter((one) => Math.abs(one.influence) >= 0.0005)
    .sort((a, b) => Math.abs(b.influence) - Math.abs(a.influence))
    .slice(0, most);
}

export function influenceWords(found: readonly Influence[]): string {
  if (found.length === 0) return 'No event of the history matters much.';
  const one = ({ event, influence }: Influence): string => `${event.deed} “${event.title}” ${weekdayWords(event.time)} ${clockWords(event.time)} (${signed(influence)})`;
  return `Most of all: ${found.map(one).join(', ')}.`;
}
