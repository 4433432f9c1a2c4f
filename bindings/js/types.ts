/* types.ts: the public shapes. Letters as in the C library: C history events, N candidates, X item, Y action and Z
 * context numbers, G signals, T tasks, A angles, P rotation pairs. */

/** Unix milliseconds (what `Date.now()` gives), a `Date`, or ISO 8601 text (without an offset it is UTC). */
export type Time = number | Date | string;

/**
 * Named values, as the model's `features` say: numbers, booleans, strings, lists of them, `null` or absent for missing;
 * or, for a model without a schema, the raw vector as an array or typed array of numbers.
 */
export type Values = object;

/** Which wasm module: strict SIMD (the same bits on every machine) or relaxed SIMD (fused, faster). */
export type Build = 'simd' | 'relaxed';

/** Something the user saw, and what they did with it. */
export interface HistoryEvent {
  time: Time;
  /** X numbers, or what they are made of. */
  item: Values;
  /** Y numbers: what the user did. */
  action: Values;
  /** Checked but not used in ranking: context belongs to the candidate being scored. */
  context?: Values;
  /** G numbers by name, or a list in the model's order; missing is 0. */
  signal?: Values;
  /** Events of one request did not see each other. Without it, neighbours of equal time are one request. */
  request?: string | number;
  /** Minutes east of UTC at the event; else the session's. Between -1440 and 1440. */
  utcOffsetMinutes?: number;
}

/** Something to rank. Any further field (an id, a title) is yours and comes back with the object. */
export interface Candidate {
  /** X numbers, or what they are made of. */
  item: Values;
  /** Z numbers, or what they are made of. */
  context?: Values;
  /** G numbers by name, or a list in the model's order; missing is 0. */
  signal?: Values;
}

/** Bounds on one call. Over them: a `limit` error. */
export interface Limits {
  /** Candidates of one `rank` or `scoreTensors`. Default 100,000. */
  candidates?: number;
  /** Events of one `append`. Default 100,000. */
  events?: number;
  /** Bytes of one call's values as handed to C. Default 64 MiB. */
  bytes?: number;
}

/** How far a download is. */
export interface Progress {
  loadedBytes: number;
  /** Undefined where the source does not say. */
  totalBytes: number | undefined;
}

export interface LoadOptions {
  /** Aborts the load: it rejects with the signal's reason, by default the platform's `AbortError`. */
  signal?: AbortSignal;
  /** Called after every chunk of weights. */
  onProgress?: (progress: Progress) => void;
  /** `auto` (default) takes relaxed SIMD where the engine validates it. */
  build?: Build | 'auto';
  /**
   * The compiled module, from hosts that must supply it (workerd, strict bundlers). It says itself which build it is.
   */
  wasm?: WebAssembly.Module;
  limits?: Limits;
}

export interface SessionOptions {
  /** Events to begin with, oldest first; of more than `maxHistory` the newest are kept. */
  history?: readonly HistoryEvent[];
  /** How many events the session holds. Default: the model's. */
  maxHistory?: number;
  /** Minutes east of UTC for events and candidates that do not say. Default: the model's. Between -1440 and 1440. */
  utcOffsetMinutes?: number;
  /** Makes names that the model does not know a `feature` error instead of ignoring them. */
  strict?: boolean;
}

export interface RankOptions {
  /** When the candidates will be seen. Default `Date.now()`. May lie before the last event. */
  now?: Time;
  /** Score = sum of weight × probability. A task not named weighs 0; negative is allowed. Default: the model's. */
  weights?: Readonly<Record<string, number>>;
  /** How many items come back, 1 or more. Default: all. */
  limit?: number;
  /** Adds an `explanation` to every item: exact, and as slow as ranking once for each history event. */
  explain?: boolean;
  /** Minutes east of UTC for these candidates. Default: the session's. */
  utcOffsetMinutes?: number;
}

/** Why an item scored as it did. */
export interface Explanation {
  /**
   * What each history event did, strongest first: `index` counts in the session, 0 the oldest it holds; `influence` is
   * the score less what it would be without that event.
   */
  events: { index: number; influence: number }[];
  /** The score if time stood still: every event and the candidate at the newest event's time. */
  timeless: number;
}

export interface RankedItem<C> {
  /** Your own candidate object. */
  item: C;
  /** Its place in the request. */
  index: number;
  score: number;
  /** By task, between 0 and 1. */
  probabilities: Record<string, number>;
  /** With `explain`. */
  explanation?: Explanation;
}

export interface RankResult<C> {
  /** Best first; ties keep the request's order. */
  items: RankedItem<C>[];
}

/** Raw event vectors, row-major, oldest first. n is `timestamp.length`. */
export interface EventTensors {
  /** (n, X) */
  item: Float32Array;
  /** (n, Y) */
  action: Float32Array;
  /** (n): Unix seconds, never decreasing. */
  timestamp: Float64Array;
  /** (n, Z): only `model.sequenceTensors` reads it. */
  context?: Float32Array;
  /** (n, G); zeros without it. */
  signal?: Float32Array;
  /** (n): integer names of the events' requests. */
  request?: BigInt64Array | Int32Array | readonly number[];
  /** (n): NaN = the session's. */
  utcOffsetMinutes?: Float64Array;
}

/** Raw candidate vectors, row-major. N is `item.length / X`. */
export interface CandidateTensors {
  /** (N, X) */
  item: Float32Array;
  /** (N, Z); may be left out where Z is 0. */
  context?: Float32Array;
  /** (N, G); zeros without it. */
  signal?: Float32Array;
  /** Unix seconds. */
  now: number;
  utcOffsetMinutes?: number;
}

export interface AnglesOptions {
  /** Which of the two angle networks. Default `layers`. */
  network?: 'layers' | 'action';
  /** G numbers by name or as a list, the same at every time; missing is 0. */
  signal?: Values;
  utcOffsetMinutes?: number;
}

/** One feature of the model's schema; see `features` in the model file. */
export interface FeatureInfo {
  name: string;
  kind: 'number' | 'vector' | 'hash' | 'index' | 'vocab';
  [parameter: string]: unknown;
}

/** The configuration as loaded, defaults filled in. */
export interface ModelConfig {
  variant: 'siren' | 'ordinal' | 'torope';
  num_heads: number;
  max_history: number;
  labels: string[];
  angle_signals: string[];
  features?: { item?: FeatureInfo[]; action?: FeatureInfo[]; context?: FeatureInfo[] };
  [key: string]: unknown;
}

/** What a model is. Names are those of the model file and of the command `inspect`. */
export interface ModelInfo {
  config: ModelConfig;
  tensors: { name: string; dtype: string; shape: number[] }[];
  /** How many numbers the model holds. */
  parameters: number;
  /** XXH64 of the file, in hexadecimal: names the model in snapshots. */
  hash: string;
  /** The wasm module in use. */
  build: Build;
  /** The kernels in use: `simd128` or `relaxed`. */
  isa: string;
  /** By letter: L D H K P A F X Y Z G T. */
  sizes: Record<'L' | 'D' | 'H' | 'K' | 'P' | 'A' | 'F' | 'X' | 'Y' | 'Z' | 'G' | 'T', number>;
  /** λ: what the ordinal part of an angle is multiplied with (siren). */
  order_scale: number;
  /** (P): radians per place. */
  ordinal_frequencies: number[];
  /** (T): the tasks' names. */
  tasks: string[];
}
