/* internals.ts: what the package's other bundles (pool, train, the worker file) take from the main one, so that a page has it
 * once. Not public and without types: it may change with any version. */
export { boundsOf, candidateColumns, checkCount, eventColumns, numberOrNone, seconds, wholeOr } from './checks.js';
export { chooseBuild, compileBuild } from './compile.js';
export { DISPOSE } from './dispose.js';
export { Instance, checkInstanceOptions, openInstance } from './instance.js';
export { nameOf, tagOf } from './kinds.js';
export { abortable, checkLoadOptions } from './load_model.js';
export { hasNodeModules, importNode } from './node.js';
export { PARTS } from './parts.js';
export { encodeRanking, rankedItems, runOf } from './ranking.js';
export { checkObject, encodeEvents, namesOf } from './records.js';
export { looksLikeHtml, openSource, reasonOf } from './source.js';
export { wasmUrl } from './wasm_url.js';
export { Writer } from './writer.js';
