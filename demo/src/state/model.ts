/* model.ts: the model that is open, and its rotation at the times on screen. From state to numbers; all of them the package's.
 * P pairs, n times. */
import { computed, signal } from '@preact/signals';
import { Engine, EngineError } from '../engine/client.js';
import type { Angles, Calls, Opened, RotationChoice, Source } from '../engine/protocol.js';
import { DAY, HOUR, SPANS, WEEK, timesOf, windowAround, type Window } from '../maths/time.js';
import { inverseFrequencies, ordinalAngles, toropeAngles, wholeAngles } from '../maths/rotation.js';
import { BUNDLED, firstTimeOf } from '../weights/catalog.js';
import { near } from './near.js';
import { resource } from './resource.js';
import { set, state } from './store.js';

export const engine = new Engine();

/** Times across the window in every picture of it. */
export const GRID_TIMES = 1000;
/** The spectrum's span: whole days and weeks, and a power of two. */
const SPECTRUM_SPAN_MS = 4 * WEEK;
const SPECTRUM_SAMPLES = 2048;
/** TO-RoPE's own constants (model.md's defaults): to compare with. */
const TOROPE = { base: 10_000, timeScale: 0.01 };

export interface OpenModel extends Opened {
  /** Grows with every model that was opened: whatever was asked of another is old. */
  number: number;
  /** For people. */
  name: string;
  /** What `state.model` says of it. */
  key: string;
}

export const open = signal<OpenModel | undefined>(undefined);
export const problem = signal<{ code: string; message: string; where: string; name: string } | undefined>(undefined);
/** Part of the file that has come; undefined when nothing is loading. */
export const loading = signal<{ name: string; part: number | undefined } | undefined>(undefined);

let number = 0;

function take(opened: Opened, key: string, name: string): void {
  open.value = { ...opened, number: ++number, key, name };
  problem.value = undefined;
}

/** Opens a model; where that fails the old one stays, and `problem` says why. */
export async function openModel(source: Source, key: string, name: string): Promise<boolean> {
  loading.value = { name, part: undefined };
  try {
    const opened = await engine.ask('open', { source }, (loaded, total) => {
      loading.value = { name, part: total ? loaded / total : undefined };
    });
    take(opened, key, name);
    return true;
  } catch (error) {
    const { code, message, where } = error as EngineError;
    problem.value = { code, message, where, name };
    return false;
  } finally {
    loading.value = undefined;
  }
}

/** The live training's newest model. */
export async function growModel(input: Calls['grow']['in']): Promise<void> {
  take(await engine.ask('grow', input), 'live', 'Live training');
}

const failed = (error: unknown): void => {
  const { code, message, where } = error as EngineError;
  problem.value = { code, message, where, name: open.peek()?.name ?? '' };
};

/* ---------------------------------------------------------------- time */

export const firstTime = computed(() => BUNDLED[state.model.value]?.time ?? (state.model.value === 'live' ? BUNDLED.rhythm!.time : firstTimeOf(open.value?.info.config ?? {})));
/** The moment that every view shows. Unix milliseconds. */
export const time = computed(() => state.time.value ?? firstTime.value);
/** Where the window begins while the time is dragged or plays: windows longer than a week stand around it, and would flee from the hand. */
const held = signal<number | undefined>(undefined);
const windowFrom = computed(() => {
  const from = held.value;
  const isInside = from !== undefined && time.value >= from && time.value < from + SPANS[state.span.value].ms;
  return isInside ? from : windowAround(time.value, state.span.value).from;
});
/** What is on screen; the same object as long as it is the same window, so that scrubbing inside it asks for nothing. */
export const window = computed<Window>(() => ({ from: windowFrom.value, to: windowFrom.value + SPANS[state.span.value].ms }));
/** Keeps the window where it is until the returned function is called. */
export function hold(): () => void {
  held.value = window.peek().from;
  return () => (held.value = undefined);
}
/** Where places are counted from, and where "time frozen" stands still: the Monday of the model's first time. */
export const origin = computed(() => windowAround(firstTime.value, 'week').from);

export const daysOf = (t: number): number => (t - origin.value) / DAY;
/** A token's place in the order of events. */
export const placeOf = (t: number): number => daysOf(t) * state.perDay.value;

/* ---------------------------------------------------------------- angles */

export const choice = computed<RotationChoice>(() => ({
  moment: state.moment.value === null || !open.value || state.moment.value >= open.value.moments.length ? null : state.moment.value,
  sine: state.sine.value,
  relu: state.relu.value,
  order: state.order.value,
}));

/** A learned rotation and the two fixed ones at some times; every array (n·P). */
export interface Rotations {
  model: OpenModel;
  times: Float64Array;
  pairs: number;
  learned: Float64Array;
  /** What of `learned` comes from the time, f · freq in a siren model */
  timePart: Float64Array;
  ordinal: Float64Array;
  torope: Float64Array;
  orderScale: number;
  inv: readonly number[];
}

interface Question {
  model: OpenModel;
  choice: RotationChoice;
  network: 'layers' | 'action';
  times: Float64Array;
  places: Float64Array;
  days: Float64Array;
}

function question(times: Float64Array): Question | undefined {
  const model = open.value;
  if (!model) return undefined;
  return { model, choice: choice.value, network: state.network.value, times, places: times.map(placeOf), days: times.map(daysOf) };
}

async function ask({ model, choice, network, times, places, days }: Question): Promise<Rotations> {
  const { timePart, orderScale, ordinalFrequencies }: Angles = await engine.ask('angles', { choice, network, times });
  const pairs = ordinalFrequencies.length;
  const siren = model.info.config.variant === 'siren';
  const signed = siren ? timePart : timePart.map((v) => -v); // TO-RoPE's time turns as its places do
  return {
    model,
    times,
    pairs,
    // a model that is not siren has no λ: its places count as they are
    learned: wholeAngles(signed, places, ordinalFrequencies, siren ? orderScale : 1),
    timePart: signed,
    ordinal: ordinalAngles(places, inverseFrequencies(pairs, Number(model.info.config.rope_base ?? 100_000))),
    torope: toropeAngles(places, days, inverseFrequencies(pairs, TOROPE.base), TOROPE.timeScale),
    orderScale,
    inv: ordinalFrequencies,
  };
}

/** The first numbers are there: every control works. */
export const ready = computed(() => now.value !== undefined);

/** Across the window (GRID_TIMES · P). */
export const grid = resource(() => question(timesOf(window.value, GRID_TIMES)), ask, failed);
/** At `time` (P). */
export const now = resource(() => question(Float64Array.of(time.value)), ask, failed);
/** At `origin` (P): where the clock stands still for "time frozen". */
export const frozen = resource(() => question(Float64Array.of(origin.value)), ask, failed);

/** Before the query at `time`, oldest first, the query last: as far as the span goes. */
const PAST_TIMES = 672; // every hour of four weeks
export const past = resource(
  () => {
    if (!near('kernel').value) return undefined;
    const span = SPANS[state.span.value].ms;
    return question(Float64Array.from({ length: PAST_TIMES + 1 }, (_, i) => time.value - span + (span * i) / PAST_TIMES));
  },
  ask,
  failed,
);

/** Every hour of the seven days up to the end of the query's day, then the query itself. */
const CALENDAR_DAYS = 7;
export const calendar = resource(
  () => {
    if (!near('clock').value) return undefined;
    const last = Math.floor(time.value / DAY) * DAY;
    const from = last - (CALENDAR_DAYS - 1) * DAY;
    return question(Float64Array.from({ length: CALENDAR_DAYS * 24 + 1 }, (_, i) => (i < CALENDAR_DAYS * 24 ? from + i * HOUR : time.value)));
  },
  ask,
  failed,
);

/** Now, twelve hours ago, a day ago: three tokens to compare. */
export const three = resource(
  () => (near('tokens').value ? question(Float64Array.of(time.value, time.value - DAY / 2, time.value - DAY)) : undefined),
  ask,
  failed,
);

/** Power by period over four weeks around the first time: it does not move with the scrubber. */
export const spectrum = resource(
  () => {
    const model = open.value;
    if (!model) return undefined;
    const from = windowAround(firstTime.value, 'month').from;
    return { model, in: { choice: choice.value, network: state.network.value, from, to: from + SPECTRUM_SPAN_MS, samples: SPECTRUM_SAMPLES } };
  },
  async ({ model, in: input }) => ({ model, from: input.from, ...(await engine.ask('spectrum', input)) }),
  failed,
);

/* ---------------------------------------------------------------- which model */

/** Opens what the state names, whenever that changes. `live` and `file` are opened by who has them. */
export function followModel(): void {
  let instead: string | undefined; // what is opened to be looked at under a message, which stays
  resource(
    () => (state.model.value === 'live' ? undefined : state.model.value),
    async (name) => {
      if (open.peek()?.key === name) return; // it came back to what is there
      const said = name === instead ? problem.peek() : undefined;
      instead = undefined;
      const isLost = name === 'file'; // an address of a page that was closed meanwhile
      const key = isLost ? 'rhythm' : name;
      const bundled = BUNDLED[key];
      const absolute = (url: string): string => (URL.canParse(url, location.href) ? new URL(url, location.href).href : url); // fetching says what is wrong
      const opened = await openModel(
        bundled ? { url: absolute(bundled.url), history: absolute(bundled.history) } : { url: absolute(key) },
        key,
        bundled?.label ?? key,
      );
      if (isLost) problem.value = { code: 'argument', message: 'a file that is dropped into a page is there as long as that page is open', where: 'model', name: 'The file' };
      if (isLost || !opened) set({ model: (instead = open.peek()?.key ?? 'rhythm') });
      else if (said) problem.value = said;
    },
  );
}
