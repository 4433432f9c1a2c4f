/* pool_types.ts: the public shapes of `siren-rope/pool`. */
import type { LoadOptions, RankOptions } from './types.js';

export interface PoolOptions extends LoadOptions {
  /**
   * How many workers, 1 to 64. Each holds a copy of the model and of every session's history. `auto` (default): one for each
   * core, 4 at most.
   */
  workers?: number | 'auto';
  /**
   * Where the worker file lies, for hosts that put it elsewhere: `siren-rope-worker.js`, with the package's `index.js` beside
   * it. Default: beside this module.
   */
  workerUrl?: URL | string;
}

export interface PoolScoreOptions {
  /**
   * How many workers share this request, at most; 1 or more. `auto` (default): as many as pay, by the sizes of the model, of the
   * request and of the history that they have not run yet, among those that are at no other request.
   */
  workers?: number | 'auto';
}

export interface PoolRankOptions extends RankOptions, PoolScoreOptions {}
