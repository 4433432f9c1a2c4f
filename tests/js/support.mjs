// support.mjs: where things are, for the tests under Node: the built package in both formats, the native program, the
// models.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from './safetensors.mjs';

export { makeRequest, toLine } from './requests.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const goldenFolder = join(root, 'tests/golden/vectors');
export const goldens = readdirSync(goldenFolder).filter((name) =>
  existsSync(join(goldenFolder, name, 'io.safetensors')),
);
export const feedModel = join(root, 'models/kuairand-excerpt.safetensors');
export const goldenModel = (folder) => join(goldenFolder, folder, 'model.safetensors');
export const goldenIo = (folder) => readSafetensors(readFileSync(join(goldenFolder, folder, 'io.safetensors')));

export const esm = await import('../../dist/index.js');
export const cjs = createRequire(import.meta.url)('../../dist/index.cjs');

const relaxed = WebAssembly.validate(
  new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
    253, 128, 2, 11,
  ]),
);
/** The builds this engine has. Where relaxed SIMD is missing, tests/runtimes runs it in newer engines. */
export const builds = relaxed ? ['simd', 'relaxed'] : ['simd'];

/** Says so where a suite cannot run the relaxed build. */
export function announceBuilds() {
  if (!relaxed)
    console.log(
      `SKIPPED here: the relaxed build, which Node ${process.version} has not; tests/runtimes runs it in Node 24`,
    );
}

const program = process.env.SIREN_ROPE_PROGRAM ?? join(root, 'build/siren-rope');

/** Runs build/siren-rope; its standard output. */
export function native(args, input = '', accept = [0]) {
  try {
    return execFileSync(program, args, { input, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'pipe'] }).toString();
  } catch (error) {
    if (accept.includes(error.status)) return error.stdout.toString();
    throw error;
  }
}

/** Tensors of `siren-rope score` on a golden folder's inputs. */
export function nativeScore(folder, isa = 'scalar', model = goldenModel(folder)) {
  const scratch = mkdtempSync(join(tmpdir(), 'siren-rope-'));
  const out = join(scratch, 'out.safetensors');
  const io = join(goldenFolder, folder, 'io.safetensors');
  try {
    native(['score', '--model', model, '--io', io, '--out', out, '--isa', isa]);
    return readSafetensors(readFileSync(out));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Answers of `siren-rope rank`, one for each request. */
export function nativeRank(model, requests, args = []) {
  const lines = native(
    ['rank', '--model', model, '--isa', 'scalar', ...args],
    requests.map((r) => JSON.stringify(r)).join('\n') + '\n',
    [0, 1],
  );
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** The error of a call that must fail with a SirenRopeError; throws when it does not. */
export function failure(call) {
  try {
    call();
  } catch (error) {
    return expectTyped(error);
  }
  throw new Error('did not fail');
}

/** Likewise, of a promise. */
export async function rejection(promise) {
  return promise.then(() => {
    throw new Error('did not fail');
  }, expectTyped);
}

function expectTyped(error) {
  if (error instanceof esm.SirenRopeError || error instanceof cjs.SirenRopeError) return error;
  throw new Error(`expected a SirenRopeError, found ${error?.stack ?? error}`, { cause: error });
}
