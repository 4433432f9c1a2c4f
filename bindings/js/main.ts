/* main.ts: the main bundle, dist/index.js: the public names, which index.ts lists, and what the other bundles take from it. */
export * from './index.js';
export * from './internals.js';
