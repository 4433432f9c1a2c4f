/// <reference lib="esnext.disposable" preserve="true" />
/* train.ts: the public names of `siren-rope/train`. Importing it does nothing. */
export { createTraining } from './create_training.js';
export { SirenRopeError, type SirenRopeErrorCode } from './error.js';
export type { Training } from './training.js';
export type {
  EvaluationEvent,
  Recipe,
  SimulatedEvent,
  Simulation,
  StepEvent,
  TaskMetrics,
  TrainingEvent,
  TrainingInfo,
  TrainingOptions,
} from './train_types.js';
export type { Build, ModelConfig } from './types.js';
