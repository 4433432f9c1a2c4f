/* protocol.ts: what the page asks of the engine (a worker that holds the package's models) and what comes back. Every request has
 * one answer. Letters: P pairs, n times, N candidates, C history events. Times are Unix milliseconds. */
import type { Candidate, HistoryEvent, ModelInfo } from 'siren-rope';
import type { Evaluation, Moment, Switches } from '../weights/rotation.js';

export type Network = 'layers' | 'action';

/** Where a model comes from: an address (and that of its history), or its bytes. */
export type Source = { url: string; history?: string } | { bytes: Uint8Array };

/** Which rotation: that of a moment of training, or of the model itself, with what of it is on. */
export interface RotationChoice extends Switches {
  /** Place in `Opened.moments`; null is the model as it is. */
  moment: number | null;
}

export interface Opened {
  info: ModelInfo;
  moments: Moment[];
  evaluations: Evaluation[];
  /** Of the file. */
  bytes: number;
}

export interface Angles {
  /** f · freq (n·P), row-major: `model.angles` of the package */
  timePart: Float64Array;
  /** λ, 0 where it is switched off */
  orderScale: number;
  /** (P) */
  ordinalFrequencies: number[];
}

export interface Spectrum {
  /** (P · (n/2 + 1)): share of a pair's variance by cycles over the span */
  shares: Float64Array;
  /** (P): standard deviation of the angle, straight line taken off, radians */
  spread: Float64Array;
  spanMs: number;
}

export interface RankedRow {
  /** Place in the candidates. */
  index: number;
  score: number;
  probabilities: Record<string, number>;
}

export interface Ranked {
  /** Best first. */
  items: RankedRow[];
  /** What `session.rank` took. */
  milliseconds: number;
}

export interface Swept {
  /** (n·N), a time's together, in the candidates' order */
  scores: Float64Array;
}

export interface Explained {
  /** By place in the candidates: what each history event did (C), in the history's order, and the score if time stood still. */
  items: { influence: number[]; timeless: number }[];
  milliseconds: number;
}

export interface Feed {
  history: HistoryEvent[];
  candidates: Candidate[];
}

/** A feed by its number. Its contents come with the first question about it: the engine keeps the last few with their sessions,
 * so that another time costs the candidates only. Asked for one that it does not keep it fails, with `where` FEED_GONE. */
export interface FeedOf {
  feed: number;
  contents?: Feed;
}
export const FEED_GONE = 'feed';

export interface Calls {
  open: { in: { source: Source }; out: Opened };
  /** A training's model after some more steps: it becomes the model, and the last moment. Step 0 begins a history. */
  grow: { in: { bytes: Uint8Array; step: number; epoch: number; loss: number; meanNe: number | undefined }; out: Opened };
  angles: { in: { choice: RotationChoice; network: Network; times: Float64Array }; out: Angles };
  spectrum: { in: { choice: RotationChoice; network: Network; from: number; to: number; samples: number }; out: Spectrum };
  rank: { in: FeedOf & { now: number }; out: Ranked };
  explain: { in: FeedOf & { now: number }; out: Explained };
  /** Ranked once for each time. */
  sweep: { in: FeedOf & { times: Float64Array }; out: Swept };
}
export type CallName = keyof Calls;

export type Request = { [K in CallName]: { id: number; call: K; in: Calls[K]['in'] } }[CallName];

export interface Failure {
  code: string;
  message: string;
  where: string;
}
export type Answer = { id: number; out: unknown } | { id: number; failure: Failure } | { id: number; progress: { loadedBytes: number; totalBytes?: number } };
