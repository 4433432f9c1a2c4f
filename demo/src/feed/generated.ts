/* generated.ts: a feed for a model whose data the page does not know: values drawn at random in the model's own schema, from a
 * fixed seed, so that the same model always gets the same feed. */
import type { FeatureInfo } from 'siren-rope';
import { DAY } from '../maths/time.js';
import type { FeedText } from './data.js';

export interface Shape {
  features: { item?: FeatureInfo[]; action?: FeatureInfo[]; context?: FeatureInfo[] };
  /** How many numbers a raw vector has, where a list has no features. */
  sizes: { X: number; Y: number; Z: number; G: number };
  /** Unix milliseconds: when the history ends. */
  time: number;
}

type Random = () => number;

const SEED = 20240125;
const EVENTS = 30;
const CANDIDATES = 12;
const DAYS = 10;
const LIKED = 0.4; // of events
const KNOWN_NAMES = 50; // values of a hashed feature: few enough that some come again

export function generatedFeed({ features, sizes, time }: Shape): FeedText {
  const random = mulberry32(SEED);
  const item = (i: number, what: string): object => {
    const made = values(features.item, sizes.X, random);
    return Array.isArray(made) ? made : { ...made, ...(names(features.item).has('title') ? {} : { title: `${what} ${i + 1}` }) };
  };
  const context = (): { context?: object } => (sizes.Z > 0 ? { context: values(features.context, sizes.Z, random) } : {});
  const times = Array.from({ length: EVENTS }, () => time - random() * DAYS * DAY).sort((a, b) => a - b);
  const history = times.map((t, i) => ({ time: t, item: item(i, 'event'), action: actions(features.action, sizes.Y, random) }));
  const candidates = Array.from({ length: CANDIDATES }, (_, i) => ({ id: `item ${i + 1}`, item: item(i, 'item'), ...context() }));
  const about = `nobody: ${EVENTS} events and ${CANDIDATES} items made up at random in the form that this model takes, since the page does not know what it ranks`;
  return { times: [], users: [{ id: 'made up', about, history, candidates }] };
}

const names = (list: FeatureInfo[] | undefined): Set<string> => new Set((list ?? []).map(({ name }) => name));

function values(list: FeatureInfo[] | undefined, size: number, random: Random): Record<string, unknown> | number[] {
  if (!list?.length) return Array.from({ length: size }, () => 2 * random() - 1);
  return Object.fromEntries(list.map((feature) => [feature.name, value(feature, random)]));
}

function value({ name, kind, dim, size, words, clip }: FeatureInfo, random: Random): unknown {
  const below = (n: number): number => Math.floor(random() * n);
  const [least, most] = Array.isArray(clip) ? (clip as [number, number]) : [0, 1];
  switch (kind) {
    case 'number': return least + random() * (most - least);
    case 'vector': return Array.from({ length: Number(dim) }, () => 2 * random() - 1);
    case 'hash': return `${name} ${below(KNOWN_NAMES)}`;
    case 'index': return below(Number(size));
    case 'vocab': return (words as string[])[below((words as string[]).length)];
  }
}

/** The first number is the like; other numbers are done as often, or not. */
function actions(list: FeatureInfo[] | undefined, size: number, random: Random): object {
  const did = (): number => (random() < LIKED ? 1 : 0);
  if (!list?.length) return Array.from({ length: size }, did);
  return Object.fromEntries(list.map((feature) => [feature.name, feature.kind === 'number' ? did() : value(feature, random)]));
}

function mulberry32(seed: number): Random {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
