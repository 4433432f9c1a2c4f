/* store.ts: the page's state as signals, and the address that says it. */
import { batch, effect, signal, type Signal } from '@preact/signals';
import { FIELDS, MOST_PAIRS, STATE_KEYS, readState, writeState, type State } from './state.js';

export const state = Object.fromEntries(
  Object.entries(readState(location.hash.slice(1))).map(([name, value]) => [name, signal(value)]),
) as unknown as { readonly [K in keyof State]: Signal<State[K]> };

export function set(patch: Partial<State>): void {
  batch(() => {
    for (const name of Object.keys(patch) as (keyof State)[]) (state[name] as Signal<unknown>).value = patch[name];
  });
}

/** First values of all but these. */
export function reset(...kept: (keyof State)[]): void {
  set(Object.fromEntries(STATE_KEYS.filter((name) => !kept.includes(name)).map((name) => [name, FIELDS[name].initial])));
}

/** Draws a pair as a line, or no longer; of too many the first chosen goes. */
export function togglePair(pair: number): void {
  const chosen = state.pairs.peek();
  set({ pairs: chosen.includes(pair) ? chosen.filter((other) => other !== pair) : [...chosen, pair].slice(-MOST_PAIRS) });
}

export function snapshot(): State {
  return Object.fromEntries(STATE_KEYS.map((name) => [name, state[name].value])) as unknown as State;
}

/** Writing takes a browser ten milliseconds, so it waits until what is dragged rests, but not for ever. */
const WRITE_AFTER_MS = 300;
const WRITE_AT_LEAST_MS = 5000;

/** Keeps address and state the same, both ways. */
export function followAddress(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = performance.now();
  let known = location.hash;
  const write = (): void => {
    if (location.hash !== known) return; // somebody has just changed it: the event that says so is on its way
    written = performance.now();
    const text = writeState(snapshot());
    if (text !== location.hash.slice(1)) history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
    known = location.hash;
  };
  effect(() => {
    snapshot();
    clearTimeout(timer);
    timer = setTimeout(write, Math.max(0, Math.min(WRITE_AFTER_MS, written + WRITE_AT_LEAST_MS - performance.now())));
  });
  addEventListener('hashchange', () => {
    known = location.hash;
    set(readState(location.hash.slice(1)));
  });
}
