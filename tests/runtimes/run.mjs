// run.mjs FOLDER...: check.mjs under Node, Deno or Bun; prints its JSON.
import { readFile } from 'node:fs/promises';
import { check } from './check.mjs';

const results = await check(new URL('../../', import.meta.url), readFile, process.argv.slice(2));
console.log(JSON.stringify(results));
