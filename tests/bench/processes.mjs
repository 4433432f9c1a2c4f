// The processes that are measured. startWorker and startNative give the same thing, a runner:
//   { variant, firstLoadMs, row(name) -> whether it has it, run(times, warmUp, wantsLogits) -> { ms, logits }, stop() }
import { fork, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSafetensors } from './safetensors.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const PROGRAM = process.env.SIREN_ROPE ?? join(root, 'build/siren-rope');

/** Runs build/siren-rope; standard output. Errors: thrown with what it said. */
export function runProgram(args) {
  const { status, stdout, stderr, error } = spawnSync(PROGRAM, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error || status !== 0) throw new Error(`siren-rope ${args.slice(0, 2).join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

/** A side of kind 'worker' (sides.mjs) with a model and a request. files: { modelPath, requestPath } */
export async function startWorker(side, files) {
  const child = fork(fileURLToPath(new URL('worker.mjs', import.meta.url)), { serialization: 'advanced' });
  const waiting = new Map();
  let next = 0;
  child.on('message', ({ id, value, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(`${side.name}: ${error}`));
  });
  child.on('exit', (status, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${side.name}: its process ended (${signal ?? status})`));
  });
  const call = (name, given = {}) => new Promise((resolve, reject) => {
    waiting.set(next, { resolve, reject });
    child.send({ id: next++, call: name, ...given });
  });
  const stop = () => new Promise((resolve) => {
    child.once('exit', resolve);
    child.disconnect();
  });
  try {
    return {
      ...await call('open', { engine: side.engine, ...files }),
      row: (name) => call('row', { name }),
      async run(times, warmUp, wantsLogits) {
        if (warmUp > 0) await call('run', { times: warmUp });
        return call('run', { times, wantsLogits });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A side of kind 'native': a process a block, each warming up for itself. files: besides, a scratch outPath */
export function startNative(side, { modelPath, requestPath, outPath }) {
  const bench = (args) => JSON.parse(runProgram(
    ['bench', 'rank', '--model', modelPath, '--io', requestPath, '--isa', side.isa, ...args, '--json']));
  let row;
  const { ms } = bench(['--row', 'load', '--runs', '1', '--warm-up', '0']); // throws where the machine lacks it
  return {
    variant: `native (${side.isa})`,
    firstLoadMs: ms.load[0],
    async row(name) {
      row = name;
      return true;
    },
    async run(times, warmUp, wantsLogits) {
      const out = wantsLogits ? ['--out', outPath] : [];
      const told = bench(['--row', row, '--runs', String(times), '--warm-up', String(Math.max(1, Math.min(warmUp, 3))), ...out]);
      const logits = wantsLogits ? parseSafetensors(new Uint8Array(readFileSync(outPath))).tensors['rank.logits'].data : undefined;
      return { ms: told.ms[row], logits };
    },
    async stop() {},
  };
}
