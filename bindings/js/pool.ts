/// <reference lib="esnext.disposable" preserve="true" />
/* pool.ts: the public names of `siren-rope/pool`. Importing it does nothing. */
export { createPool } from './create_pool.js';
export { SirenRopeError, type SirenRopeErrorCode } from './error.js';
export type { Pool } from './worker_pool.js';
export type { PoolSession } from './pool_session.js';
export type { PoolOptions, PoolRankOptions, PoolScoreOptions } from './pool_types.js';
export type {
  Build,
  Candidate,
  CandidateTensors,
  EventTensors,
  Explanation,
  HistoryEvent,
  Limits,
  LoadOptions,
  ModelInfo,
  Progress,
  RankResult,
  RankedItem,
  SessionOptions,
  Time,
  Values,
} from './types.js';
