// guard.test.mjs: the instructions that every workload of workloads.c takes, counted by callgrind, against counts.json; with
// GUARD_STORE=1 it writes them there instead. In, from ctest: GUARD_WORKLOADS, the program; GUARD_COMPILER, what built it, by
// which counts are stored; GUARD_VALGRIND. Where valgrind is not, or nothing is stored for the compiler, the guard is skipped.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const { GUARD_WORKLOADS: program, GUARD_COMPILER: compiler, GUARD_VALGRIND: valgrind, GUARD_STORE: storing } = process.env;
const TOLERANCE = 0.05;
const NOT_HERE = 77; // as in workloads.c
const UPDATE = 'if that is meant: make guard-update, which stores new counts in tests/guard/counts.json';

const path = join(import.meta.dirname, 'counts.json');
const counts = JSON.parse(readFileSync(path, 'utf8')); // { compiler: { 'WORKLOAD ISA': instructions } }
const stored = counts[compiler];
const workloads = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
const bare = { env: {}, maxBuffer: 1 << 24, timeout: 600000 }; // an environment lies on the stack and would move what is there
const callgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--toggle-collect=counted_*', program];
const whyNot = storing ? false
  : !existsSync(valgrind) ? 'valgrind is not installed'
    : !stored ? `counts.json has nothing for ${compiler}` : false;

// Resolves to the number of instructions; null: this machine does not have the instruction set.
const count = (workload) => new Promise((resolve, reject) => {
  execFile(valgrind, [...callgrind, ...workload.split(' ')], bare, (error, stdout, stderr) => {
    const found = Number(/Collected : (\d+)/.exec(stderr)?.[1]);
    if (error?.code === NOT_HERE) resolve(null);
    else if (error || !(found > 0)) reject(new Error(`${workload}: ${error?.message ?? 'nothing was counted'}\n${stderr}`));
    else resolve(found);
  });
});

function compare(workload, found) {
  const before = stored[workload];
  assert.ok(before > 0, `${workload}: ${found} instructions found, none stored for ${compiler}; ${UPDATE}`);
  const change = found / before - 1;
  const text = `${workload}, ${compiler}: ${before} instructions stored, ${found} found, ${change > 0 ? '+' : ''}${(100 * change).toFixed(2)} %`;
  assert.ok(change <= TOLERANCE, `${text}: more work than before; ${UPDATE}`);
  assert.ok(change >= -TOLERANCE, `${text}: less work than before, which the guard must know to keep it; ${UPDATE}`);
  return text;
}

test('instruction counts', { concurrency: 2, skip: whyNot }, async (t) => {
  const found = {};
  await Promise.all(workloads.map((workload) => t.test(workload, async (t) => {
    found[workload] = await count(workload);
    if (found[workload] === null) t.skip(`this machine does not have ${workload.split(' ')[1]}`);
    else if (!storing) t.diagnostic(compare(workload, found[workload]));
  })));
  if (!storing) return;
  assert.ok(workloads.every((workload) => found[workload] > 0), 'not every workload was counted, so none was stored');
  counts[compiler] = Object.fromEntries(workloads.map((workload) => [workload, found[workload]]));
  writeFileSync(path, `${JSON.stringify(counts, null, 2)}\n`);
});

test('every stored count has its workload', { skip: whyNot || Boolean(storing) }, () => {
  assert.deepEqual(Object.keys(stored).filter((workload) => !workloads.includes(workload)), [], UPDATE);
});
