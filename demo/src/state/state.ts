/* state.ts: everything a reader can set, with its bounds, its first value and its text in the address. Nothing else of the page
 * is state: all that is drawn follows from this and the model. */
import { SPAN_NAMES, type Span } from '../maths/time.js';

/** What the reader did to an event of the feed's history; its place there is the key. */
export interface Edit {
  /** Minutes later than it was. */
  moved: number;
  /** Its like was turned round. */
  liked: boolean;
  removed: boolean;
}

export interface State {
  /** `rhythm`, `kuairand`, `live`, `file` (dropped: only as long as the page is open) or an address. */
  model: string;
  network: 'layers' | 'action';
  /** Unix milliseconds; null is the model's own first time. */
  time: number | null;
  span: Span;
  /** Events a day of the person whose tokens turn: what an ordinal rotation counts. */
  perDay: number;
  /** Pairs drawn as lines. */
  pairs: readonly number[];
  unwrapped: boolean;
  sine: boolean;
  relu: boolean;
  order: boolean;
  /** A moment of training; null is the model as it is. */
  moment: number | null;
  person: number;
  edits: ReadonlyMap<number, Edit>;
  /** The tour's chapter, from 1; 0 is none. */
  chapter: number;
  /** Of the live training: planted periods in hours, the part of the week, strength, seed. */
  dayHours: number;
  weekHours: number;
  weekShare: number;
  strength: number;
  seed: number;
}

interface Field<T> {
  key: string;
  initial: T;
  write: (value: T) => string;
  /** undefined: not such a value */
  read: (text: string) => T | undefined;
}

export const MOST_TIME = 4.1e12; // the year 2099
export const BOUNDS = {
  time: [0, MOST_TIME],
  perDay: [0.1, 48],
  moment: [0, 9999],
  person: [0, 99],
  chapter: [0, 6],
  dayHours: [4, 72],
  weekHours: [48, 672],
  weekShare: [0, 1],
  strength: [0, 1],
  seed: [1, 9999],
} as const;

export const MOST_PAIRS = 8;
const MOST_EDITS = 200;
const MOST_PAIR = 4096;
const MOST_MOVED = 60 * 24 * 400;

function within(text: string, [least, most]: readonly [number, number], whole = false): number | undefined {
  const value = Number(text);
  const ok = text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
  return ok ? value : undefined;
}

const number = (key: string, initial: number, bounds: readonly [number, number], whole = false): Field<number> => ({
  key,
  initial,
  write: String,
  read: (text) => within(text, bounds, whole),
});
const orNone = (field: Field<number>): Field<number | null> => ({ ...field, initial: null, write: String });
const flag = (key: string, initial: boolean): Field<boolean> => ({
  key,
  initial,
  write: (value) => (value ? '1' : '0'),
  read: (text) => (text === '1' ? true : text === '0' ? false : undefined),
});
const choice = <T extends string>(key: string, values: readonly T[]): Field<T> => ({
  key,
  initial: values[0]!,
  write: (value) => value,
  read: (text) => values.find((value) => value === text),
});

const time = number('t', 0, BOUNDS.time);

/** The list of all state: names, texts, bounds. */
export const FIELDS: { [K in keyof State]: Field<State[K]> } = {
  model: { key: 'model', initial: 'rhythm', write: (v) => v, read: (v) => (v && v.length <= 2000 ? v : undefined) },
  network: choice('net', ['layers', 'action']),
  time: {
    ...orNone(time),
    write: (v) => (v === null ? '' : new Date(Math.round(v / 60_000) * 60_000).toISOString().slice(0, 16)), // whole minutes, UTC
    read: (text) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? time.read(String(Date.parse(`${text}Z`))) : undefined),
  },
  span: { ...choice<Span>('span', SPAN_NAMES), initial: 'day' },
  perDay: number('perday', 2, BOUNDS.perDay),
  pairs: {
    key: 'pairs',
    initial: [0, 1, 2, 3],
    write: (pairs) => pairs.join('.'),
    read: (text) => {
      const pairs = text === '' ? [] : text.split('.').map((part) => within(part, [0, MOST_PAIR], true));
      return pairs.length <= MOST_PAIRS && pairs.every((pair) => pair !== undefined) ? [...new Set(pairs)] : undefined;
    },
  },
  unwrapped: flag('unwrapped', false),
  sine: flag('sine', true),
  relu: flag('relu', true),
  order: flag('order', true),
  moment: orNone(number('moment', 0, BOUNDS.moment, true)),
  person: number('person', 0, BOUNDS.person, true),
  edits: { key: 'edits', initial: new Map(), write: writeEdits, read: readEdits },
  chapter: number('chapter', 1, BOUNDS.chapter, true),
  dayHours: number('day', 24, BOUNDS.dayHours),
  weekHours: number('week', 168, BOUNDS.weekHours),
  weekShare: number('weekshare', 0, BOUNDS.weekShare),
  strength: number('strength', 1, BOUNDS.strength),
  seed: number('seed', 1, BOUNDS.seed, true),
};
export const STATE_KEYS = Object.keys(FIELDS) as (keyof State)[];

/** "3l" liked, "5r" removed, "7m-90" moved 90 minutes back; several of one event stand together. */
function writeEdits(edits: ReadonlyMap<number, Edit>): string {
  return [...edits].map(([i, { moved, liked, removed }]) => `${i}${liked ? 'l' : ''}${removed ? 'r' : ''}${moved ? `m${moved}` : ''}`).join('.');
}

function readEdits(text: string): ReadonlyMap<number, Edit> | undefined {
  const edits = new Map<number, Edit>();
  for (const part of text === '' ? [] : text.split('.')) {
    const found = /^(\d{1,4})(l?)(r?)(?:m(-?\d{1,6}))?$/.exec(part);
    const moved = Number(found?.[4] ?? 0);
    if (!found || Math.abs(moved) > MOST_MOVED || edits.size >= MOST_EDITS) return undefined;
    edits.set(Number(found[1]), { moved, liked: found[2] !== '', removed: found[3] !== '' });
  }
  return edits;
}

export function initialState(): State {
  return Object.fromEntries(STATE_KEYS.map((name) => [name, FIELDS[name].initial])) as unknown as State;
}

/** The text after # of an address: what differs from the first values, in the list's order. */
export function writeState(state: State): string {
  const text = new URLSearchParams();
  for (const name of STATE_KEYS) {
    const { key, initial, write } = FIELDS[name] as Field<unknown>;
    const value = write(state[name]);
    if (value !== write(initial)) text.set(key, value);
  }
  return text.toString().replaceAll('%3A', ':').replaceAll('%2F', '/');
}

/** What is missing, unknown or out of bounds has its first value: an address is never refused. */
export function readState(text: string): State {
  const found = new URLSearchParams(text);
  const state = initialState();
  for (const name of STATE_KEYS) {
    const { key, read } = FIELDS[name] as Field<unknown>;
    const value = found.get(key);
    const known = value === null ? undefined : read(value);
    if (known !== undefined) (state as unknown as Record<string, unknown>)[name] = known;
  }
  return state;
}
