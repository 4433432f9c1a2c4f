/* train_types.ts: the public shapes of `siren-rope/train`. */
import type { Build, ModelConfig } from './types.js';

/**
 * The simulated users: what they want swings with the time of their own days and weeks, and a model has to find that out.
 * The formulas are in src/train/simulate.h. The first 80 % of the days are trained on, the next 10 % evaluated.
 */
export interface Simulation {
  /** Another seed, other users: a whole number, 0 to 2^53. Default 1. */
  seed?: number;
  /** 1 to 1,000,000, whole. Default 1,000. */
  users?: number;
  /** How much of what a user wants depends on the time: 0 (nothing) to 1. Default 1. */
  strength?: number;
  /** How much of that depends on the time of the week, 0 to 1; the rest on the time of the day. Default 1/3. */
  weekShare?: number;
  /** How long the planted day is, in hours: 0.1 to 10,000. Default 24. */
  dayHours?: number;
  /** How long the planted week is, in days: 0.1 to 10,000. Default 7. */
  weekDays?: number;
  /** Events of a user on average: 0.001 up, at most 100 a day and 4,000,000 of all users. Default 40. */
  eventsPerUser?: number;
  /** Over how many days: 0.001 to 100,000. Default 28. */
  days?: number;
  /** Where the days begin: Unix milliseconds, whole. Default 2024-01-01, a Monday, UTC. */
  startMs?: number;
}

/**
 * What to train and how. Keys and defaults are those of the command `siren-rope train`: src/train/README.md, "Recipes".
 * `features`, `labels`, `trend_center` and `trend_scale` default to what the simulated events have.
 */
export interface Recipe {
  model?: Readonly<Record<string, unknown>>;
  training?: Readonly<Record<string, unknown>>;
}

export interface TrainingOptions {
  simulation?: Simulation;
  recipe?: Recipe;
  /** `auto` (default) takes relaxed SIMD where the engine validates it. */
  build?: Build | 'auto';
  /** The compiled training module, from hosts that must supply it. It says itself which build it is. */
  wasm?: WebAssembly.Module;
}

/** What a training is. */
export interface TrainingInfo {
  /** The wasm module in use. */
  build: Build;
  /** The kernels in use: `simd128` or `relaxed`. */
  isa: string;
  /** In all, unless the recipe's `patience` ends it early. */
  steps: number;
  stepsPerEpoch: number;
  /** Those of the simulated users who have events. */
  users: number;
  events: number;
  /** The events, by what they are for. */
  splits: { train: number; validation: number; test: number };
  /** Where the splits begin: Unix milliseconds. */
  validationMs: number;
  testMs: number;
  /** What an epoch goes through: stretches of up to `max_history` events of a user. */
  windows: number;
  /** How many numbers learn. */
  parameters: number;
  /** The tasks' names. */
  labels: string[];
  /** Defaults filled in. */
  simulation: Required<Simulation>;
  /** As it was given. */
  recipe: Recipe;
  /** The model's configuration, as its file has it. */
  config: ModelConfig;
}

/** One step was taken. */
export interface StepEvent {
  kind: 'step';
  /** Steps taken, this one included. */
  step: number;
  /** Epochs done, with their fraction. */
  epoch: number;
  /** Mean log loss over the batch's labels, before the step; NaN where it has none. */
  loss: number;
  /** The step's learning rate. */
  rate: number;
  /** Of the whole gradient, before clipping. */
  gradientNorm: number;
  /** λ after the step: what the ordinal part of an angle is multiplied with. 1 where the variant is not `siren`. */
  orderScale: number;
  /** (A): the learned frequencies after the step. Empty where the variant is not `siren`. */
  freq: number[];
}

/** How good predictions of one label are; NaN where something is not defined. */
export interface TaskMetrics {
  /** Labels that are there. */
  n: number;
  /** Mean label. */
  baseRate: number;
  /** Normalized entropy: mean log loss over the entropy of the base rate. Below 1 is better than the base rate. */
  ne: number;
  /** Chance that a yes is above a no. */
  auc: number;
  /** Expected calibration error. */
  ece: number;
}

/** The model as it is was measured on the validation split, every event as it would have been served. */
export interface EvaluationEvent {
  kind: 'evaluation';
  step: number;
  epoch: number;
  /** Over the tasks. */
  meanNe: number;
  /** No evaluation before was better. */
  best: boolean;
  tasks: Record<string, TaskMetrics>;
}

export type TrainingEvent = StepEvent | EvaluationEvent;

/** An event of a simulated user, as `session.append` and `createSession` of the main entry take it. */
export interface SimulatedEvent {
  /** Unix milliseconds. */
  time: number;
  /** One of 8 topics; one of 200 items, of which item i is of topic i % 8. */
  item: { topic: number; id: number };
  /** 1 where the user did it. */
  action: { engage: number; like: number };
  /** 0 to 2: where in its request the item stood. */
  context: { place: number };
  /** The true probabilities, from which the actions were drawn. */
  truth: { engage: number; like: number };
}
