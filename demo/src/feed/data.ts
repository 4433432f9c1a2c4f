/* data.ts: whose feed is ranked: a bundled model's people, from a file, or one that is made up in an unknown model's own schema. */
import type { Candidate, HistoryEvent } from 'siren-rope';
import { BUNDLED, RHYTHM } from '../weights/catalog.js';
import type { OpenModel } from '../state/model.js';
import { generatedFeed, type Shape } from './generated.js';

/** Named values, or a raw vector where the model has no schema. */
export type Values = Record<string | number, unknown>;

/** What the reader sees of an item. */
export interface Words {
  title: string;
  topic: string;
}

export interface FeedEvent extends Words {
  /** Unix milliseconds */
  time: number;
  event: HistoryEvent;
}

export interface FeedItem extends Words {
  candidate: Candidate;
}

export interface Person {
  name: string;
  about: string;
  /** Oldest first: its places are what edits name. */
  history: FeedEvent[];
  candidates: FeedItem[];
}

export interface FeedFile {
  people: Person[];
  /** Moments that are worth asking at. */
  times: { name: string; time: number }[];
  /** Minutes east of UTC of whoever wrote the times. */
  offset: number;
  generated: boolean;
  /** The names, or places, in an action that a like sets and takes away. */
  likes: (string | number)[];
}

/** The file's own form, that of the native program. */
export interface FeedText {
  times: { name: string; now: string }[];
  users: { id: string; about: string; history: HistoryEvent[]; candidates: (Candidate & { id?: string })[] }[];
}

export const LIVE_NAME = 'Live training';

/**
 * Which feed a model has, as a text that is the same as long as the feed is: a training that goes on keeps its people.
 * @param time where a made-up history ends
 */
export function feedKey({ name, info }: OpenModel, time: number): string {
  if (name === LIVE_NAME) return RHYTHM.feed;
  const bundled = Object.values(BUNDLED).find(({ label }) => label === name);
  if (bundled) return bundled.feed;
  const { X, Y, Z, G } = info.sizes;
  const shape: Shape = { features: info.config.features ?? {}, sizes: { X, Y, Z, G }, time };
  return JSON.stringify(shape);
}

const fetched = new Map<string, Promise<FeedFile>>();

export function feedOfKey(key: string): Promise<FeedFile> {
  if (key.startsWith('{')) return Promise.resolve(feedOfText(generatedFeed(JSON.parse(key) as Shape), true));
  const known = fetched.get(key) ?? fetchFeed(key);
  fetched.set(key, known);
  known.catch(() => fetched.delete(key)); // it may come the next time
  return known;
}

async function fetchFeed(url: string): Promise<FeedFile> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the feed’s file answered ${response.status}`);
  return feedOfText((await response.json()) as FeedText, false);
}

function feedOfText({ times, users }: FeedText, generated: boolean): FeedFile {
  return {
    generated,
    times: times.map(({ name, now }) => ({ name, time: Date.parse(now) })),
    offset: offsetOf(times[0]?.now ?? ''),
    likes: likesOf(users[0]?.history[0]?.action ?? []),
    people: users.map(({ id, about, history, candidates }) => ({
      name: id,
      about,
      history: history.map((event, i) => {
        const time = typeof event.time === 'number' ? event.time : Date.parse(String(event.time));
        return { time, ...wordsOf(event.item, `event ${i + 1}`), event: { ...event, time } };
      }),
      candidates: candidates.map((candidate, i) => ({ ...wordsOf(candidate.item, candidate.id ?? `item ${i + 1}`), candidate })),
    })),
  };
}

/** "+08:00" at the end, in minutes. */
function offsetOf(text: string): number {
  const found = /([+-])(\d\d):(\d\d)$/.exec(text);
  return found ? (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3])) : 0;
}

function wordsOf(item: object, otherwise: string): Words {
  const { title, topic, name } = item as Record<string, unknown>;
  const first = (...texts: unknown[]): string => texts.find((text): text is string => typeof text === 'string' && text !== '') ?? '';
  return { title: first(title) || otherwise, topic: first(topic, name) };
}

/** `like`, where there is one, and in the simulator's schema `engage` with it, since there only who engages likes; else the first. */
function likesOf(action: object): (string | number)[] {
  if (Array.isArray(action)) return [0];
  const names = Object.keys(action).filter((name) => typeof (action as Values)[name] === 'number');
  if (!names.includes('like')) return names.slice(0, 1);
  return names.includes('engage') ? ['like', 'engage'] : ['like'];
}
