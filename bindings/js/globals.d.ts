/* globals.d.ts: what the build (bindings/js/build.mjs) puts in. */
/** The package's version, from package.json. */
declare const __VERSION__: string;
