/* protocol.ts: the page and the worker that trains: what is asked, what is told. */
import type { Failure } from '../engine/protocol.js';

/** What is planted in the events: see docs/simulator.md. */
export interface Planted {
  dayHours: number;
  weekDays: number;
  weekShare: number;
  strength: number;
  seed: number;
}

export type Ask =
  | { ask: 'begin'; planted: Planted }
  | { ask: 'go' }
  | { ask: 'pause' }
  /** The last picture was drawn: the next may come. */
  | { ask: 'next' };

/** What the training is, before its first step. */
export interface Begun {
  tell: 'begun';
  steps: number;
  events: number;
  parameters: number;
  build: string;
}

/** The model as it is after a step. */
export interface Grown {
  tell: 'grown';
  step: number;
  epoch: number;
  /** Mean over the batches since the last one; NaN before the first. */
  loss: number;
  /** Mean NE on held-out events, where one was measured since. */
  meanNe: number | undefined;
  bytes: Uint8Array<ArrayBuffer>;
  stepsPerSecond: number;
  isDone: boolean;
}

export type Tell = Begun | Grown | { tell: 'failed'; failure: Failure };
