/* ranking.ts: the feed as it is asked for: in every frame the order, and once nothing has changed for a moment why it is so, and
 * how it would be at other times of the window. */
import { computed, effect, signal } from '@preact/signals';
import type { EngineError } from '../engine/client.js';
import { FEED_GONE, type Calls, type Explained, type Feed, type Ranked, type Swept } from '../engine/protocol.js';
import { timesOf, type Window } from '../maths/time.js';
import { engine, firstTime, open, time, window } from '../state/model.js';
import { resource } from '../state/resource.js';
import { set, state } from '../state/store.js';
import { feedKey, feedOfKey, type FeedFile } from './data.js';
import { daysOf, editedEvents, keptInOrder, movedTo, withEdit, type EditedEvent } from './history.js';
import { placesByScore, placesOf, type Grounds, type Places } from './reasons.js';

/** Is the feed on the screen, or nearly? Else nothing is asked. */
export const near = signal(false);
/** And its list? Only that and the panel of an event need a frame's order. */
export const listNear = signal(false);
export const failure = signal('');
/** The event whose buttons are shown; only as long as the page is open. */
export const selected = signal<number | undefined>(undefined);
export const lifted = signal<number | undefined>(undefined); // being dragged

const SETTLED_AFTER_MS = 200;
const SWEPT_TIMES = 48;
const TIMED = 20; // questions whose median time is said

const failed = (error: unknown): void => {
  failure.value = (error as Error).message;
};

/* ---------------------------------------------------------------- whose feed */

const key = computed(() => open.value && feedKey(open.value, firstTime.value));
const loaded = resource(() => (near.value ? key.value : undefined), async (asked): Promise<{ key: string; file: FeedFile }> => ({ key: asked, file: await feedOfKey(asked) }), failed);
export const file = computed(() => (loaded.value?.key === key.value ? loaded.value?.file : undefined));
export const personIndex = computed(() => Math.min(state.person.value, (file.value?.people.length ?? 1) - 1));
export const person = computed(() => file.value?.people[personIndex.value]);
export const days = computed(() => person.value && daysOf(person.value, firstTime.value));
export const events = computed(() => (file.value && person.value && days.value ? editedEvents(person.value, state.edits.value, file.value.likes, days.value) : undefined));
const asItWas = computed(() => (file.value && person.value && days.value ? editedEvents(person.value, new Map(), file.value.likes, days.value) : undefined));

/** A history and candidates, as the engine knows them. */
export interface AskedFeed {
  number: number;
  contents: Feed;
  /** The history as the package has it. */
  sent: EditedEvent[];
  /** The model reads this many events, the newest. */
  maxHistory: number;
}

let numbers = 0;

function askedFeed(all: EditedEvent[] | undefined): AskedFeed | undefined {
  const [model, who] = [open.value, person.value];
  if (!model || !who || !all) return undefined;
  const sent = keptInOrder(all);
  const contents = { history: sent.map(({ event }) => event), candidates: who.candidates.map(({ candidate }) => candidate) };
  return { number: ++numbers, contents, sent, maxHistory: model.info.config.max_history };
}

const untouched = computed(() => askedFeed(asItWas.value));
/** The same object as `untouched` where the reader changed nothing, so that the engine has one session for both. */
export const asked = computed(() => (state.edits.value.size === 0 ? untouched.value : askedFeed(events.value)));
export const isEdited = computed(() => state.edits.value.size > 0);

type FeedCall = 'rank' | 'explain' | 'sweep';
const known = new Set<number>(); // to the engine, as far as we know
const MOST_KNOWN = 64;

async function ask<K extends FeedCall>(call: K, feed: AskedFeed, rest: Omit<Calls[K]['in'], 'feed' | 'contents'>): Promise<Calls[K]['out']> {
  const put = (withContents: boolean): Promise<Calls[K]['out']> => engine.ask(call, { ...rest, feed: feed.number, ...(withContents ? { contents: feed.contents } : {}) } as Calls[K]['in']);
  const isNew = !known.has(feed.number);
  if (known.size >= MOST_KNOWN) known.clear();
  known.add(feed.number);
  try {
    const out = await put(isNew);
    failure.value = '';
    return out;
  } catch (error) {
    if (isNew || (error as EngineError).where !== FEED_GONE) throw error;
    return put(true);
  }
}

/* ---------------------------------------------------------------- the order */

interface At {
  feed: AskedFeed;
  now: number;
}
export interface RankedAt extends At, Ranked {
  places: Places;
}

/** The question once it has not changed for a moment. */
export const settled = signal<At | undefined>(undefined);
{
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const at = near.value && asked.value ? { feed: asked.value, now: time.value } : undefined;
    settled.value = undefined;
    clearTimeout(timer);
    if (at) timer = setTimeout(() => (settled.value = at), SETTLED_AFTER_MS);
  });
}

const durations: number[] = [];
export const median = (): number => durations.toSorted((a, b) => a - b)[durations.length >> 1] ?? NaN;

async function rankedAt({ feed, now }: At): Promise<RankedAt> {
  const out = await ask('rank', feed, { now });
  durations.push(out.milliseconds);
  if (durations.length > TIMED) durations.shift();
  return { feed, now, ...out, places: placesOf(out) };
}

/** In every frame, where somebody sees it; else when the time rests. */
export const ranked = resource(() => (near.value && asked.value && (listNear.value || selected.value !== undefined || settled.value) ? { feed: asked.value, now: time.value } : undefined), rankedAt, failed);

/** What movement is counted from: the model's own first time, with the history as it was. */
export const before = resource(() => (near.value && untouched.value ? { feed: untouched.value, now: firstTime.value } : undefined), rankedAt, failed);

/** The names of the first three; changes only when they do. */
export const firstThree = computed(() => {
  const names = person.value?.candidates;
  return names && ranked.value ? ranked.value.items.slice(0, 3).map(({ index }) => names[index]?.title ?? '').join('\n') : '';
});

/* ---------------------------------------------------------------- why */

export interface ExplainedAt extends At, Explained {
  /** Now, with time taken out of the rotation. */
  timeless: Places;
  /** Now, with the history as it was. */
  unedited: Places;
}

export const explained = resource(
  () => settled.value && { ...settled.value, other: untouched.value === settled.value.feed ? undefined : untouched.value },
  async ({ feed, now, other }): Promise<ExplainedAt> => {
    const out = await ask('explain', feed, { now });
    const timeless = placesByScore(out.items.map((item) => item.timeless));
    const unedited = placesOf(await ask('rank', other ?? feed, { now }));
    return { feed, now, ...out, timeless, unedited };
  },
  failed,
);

/** What is explained is what is shown. */
export const isFresh = computed(() => {
  const at = settled.value;
  return at !== undefined && explained.value?.feed === at.feed && explained.value.now === at.now;
});

/** Why a candidate stands where it stands, as of `explained`. */
export function groundsOf(index: number): Grounds | undefined {
  const [why, now, first] = [explained.peek(), ranked.peek(), before.peek()];
  const feed = asked.peek();
  if (why?.feed !== feed || now?.feed !== feed || !why || !now || first?.feed !== untouched.peek() || !first) return undefined;
  return { place: now.places[index]!, before: first.places[index]!, unedited: why.unedited[index]!, timeless: why.timeless[index]! };
}

/* ---------------------------------------------------------------- other times of the window */

export interface SweptOver extends Swept {
  feed: AskedFeed;
  window: Window;
  times: Float64Array;
  names: string[];
}

let last: SweptOver | undefined;
export const swept = resource(
  () => {
    const at = settled.value;
    const over = window.value;
    const names = person.value?.candidates.map(({ title }) => title);
    return at && names && !(last?.feed === at.feed && last.window === over) ? { feed: at.feed, window: over, names } : undefined;
  },
  async ({ feed, window: over, names }): Promise<SweptOver> => {
    const times = Float64Array.of(...timesOf(over, SWEPT_TIMES), over.to);
    last = { feed, window: over, times, names, ...(await ask('sweep', feed, { times })) };
    return last;
  },
  failed,
);

/* ---------------------------------------------------------------- what the reader does to the history */

export function choosePerson(index: number): void {
  selected.value = undefined;
  set({ person: index, edits: new Map() }); // edits are of the other's history
}

export function moveEvent(index: number, to: number): void {
  if (person.peek() && days.peek()) set({ edits: withEdit(state.edits.peek(), index, { moved: movedTo(person.peek()!, index, to, days.peek()!) }) });
}

export function toggleEvent(index: number, what: 'liked' | 'removed'): void {
  const edits = state.edits.peek();
  set({ edits: withEdit(edits, index, { [what]: !(edits.get(index)?.[what] ?? false) }) });
}
