/// <reference lib="esnext.disposable" preserve="true" />
/* index.ts: the public names of `siren-rope`. Importing it does nothing. */
export { loadModel } from './load_model.js';
export { SirenRopeError, type SirenRopeErrorCode } from './error.js';
export type { Model } from './model.js';
export type { Session } from './session.js';
export type {
  AnglesOptions,
  Build,
  Candidate,
  CandidateTensors,
  EventTensors,
  Explanation,
  FeatureInfo,
  HistoryEvent,
  Limits,
  LoadOptions,
  ModelConfig,
  ModelInfo,
  Progress,
  RankOptions,
  RankResult,
  RankedItem,
  SessionOptions,
  Time,
  Values,
} from './types.js';
