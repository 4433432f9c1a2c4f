/* catalog.ts: the bundled models: where their files are, when their log was, and whose feed they rank. */
import rhythmUrl from '../../../models/planted-rhythm.safetensors?url';
import rhythmHistoryUrl from '../../../models/planted-rhythm.moments.safetensors?url';
import kuairandUrl from '../../../models/kuairand-excerpt.safetensors?url';
import kuairandHistoryUrl from '../../../models/kuairand-excerpt.moments.safetensors?url';
import rhythmFeedUrl from '../../data/rhythm-feed.json?url';
import kuairandFeedUrl from '../../data/sample-feed.json?url';

export interface Bundled {
  label: string;
  about: string;
  url: string;
  history: string;
  feed: string;
  /** Unix milliseconds: where the page begins. */
  time: number;
}

export const RHYTHM: Bundled = {
  label: 'Planted rhythm',
  about: 'Trained on simulated people whose tastes swing with the day and the week, so that it is known what there is to find. 8 pairs, 88 KB.',
  url: rhythmUrl,
  history: rhythmHistoryUrl,
  feed: rhythmFeedUrl,
  time: Date.UTC(2024, 0, 25, 8),
};

export const KUAIRAND: Bundled = {
  label: 'KuaiRand excerpt',
  about: 'Trained on a log of a short-video app (KuaiRand, Gao et al. 2022; weights CC BY-SA 4.0): two weeks, 25 thousand people. 2 MB, fetched now.',
  url: kuairandUrl,
  history: kuairandHistoryUrl,
  feed: kuairandFeedUrl,
  time: Date.UTC(2022, 4, 4, 0),
};

/** By what an address calls them; without a prototype, for an address may say `constructor`. */
export const BUNDLED: Readonly<Record<string, Bundled>> = Object.assign(Object.create(null) as Record<string, Bundled>, { rhythm: RHYTHM, kuairand: KUAIRAND });

/** Where a model of unknown origin begins: its own middle of time, or now. */
export function firstTimeOf(config: Record<string, unknown>): number {
  const center = Number(config.trend_center);
  return Number.isFinite(center) && center > 0 ? center * 1000 : Date.UTC(2024, 0, 25, 8);
}
