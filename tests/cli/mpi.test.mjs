// `siren-rope-mpi train` under mpirun: two processes train what one does, only the first of them writes, and where one fails all
// end. Processes talk through memory and the loopback interface only.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { program, readTensors, withFolder } from './program.mjs';
import { assertSame, isThere, simulate, stateOf, stepsOf, trainArgs, trained, writeRecipe } from './training.mjs';

const mpi = process.env.SIREN_ROPE_MPI ?? join(dirname(program), 'siren-rope-mpi');
const options = [
  '--oversubscribe', '--allow-run-as-root', '--bind-to', 'none', '--mca', 'btl', 'self,vader', '--mca', 'plm', 'isolated',
  '--mca', 'oob_tcp_if_include', 'lo', '--mca', 'btl_vader_single_copy_mechanism', 'none',
];
// Every process its own arguments.
const mpirunArgs = (processes) => [...options, ...processes.flatMap((args, i) => [...(i > 0 ? [':'] : []), '-n', '1', mpi, ...args])];
function mpirun(...processes) {
  const { status, signal, stdout, stderr, error } = spawnSync('mpirun', mpirunArgs(processes), { encoding: 'utf8', timeout: 120000, killSignal: 'SIGKILL' });
  if (error) throw error;
  return { status: status ?? signal, stdout, stderr };
}
const twice = (args) => [args, args];
const skip = !/Open MPI/.test(spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout) && 'mpirun is not that of Open MPI, whose options these are';
const epochs = { training: { epochs: 3, dropout: 0.1 } };

// The largest difference between two logs' losses, and between two models' values.
const compareLosses = (one, other) => Math.max(...stepsOf(one).map(({ loss }, i) => Math.abs(loss - stepsOf(other)[i].loss)));
function compareModels(one, other) {
  const [a, b] = [one, other].map((out) => readTensors(join(out, 'model.safetensors')));
  return Math.max(...Object.entries(a).map(([name, { data }]) => Math.max(...data.map((x, i) => Math.abs(x - b[name].data[i])))));
}

test('two processes have the losses of one over three epochs, as have two threads', { skip }, async (t) => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const path = writeRecipe(folder, epochs);
    const [one, threads, two, four] = ['one', 'threads', 'two', 'four'].map((name) => join(folder, name));
    const alone = trained(data, one, path, '--threads', '1', '--json');
    trained(data, threads, path, '--threads', '2');
    for (const [out, n] of [[two, 2], [four, 4]]) {
      const args = trainArgs(data, out, path, '--threads', '1', '--json');
      const { status, stdout, stderr } = mpirun(...Array.from({ length: n }, () => args));
      assert.equal(status, 0, stderr);
      assert.equal(stdout.trim().split('\n').length, 1); // the first process alone talks
      assert.equal(stderr.match(/validation NE/g).length, 6);
      assert.deepEqual(readdirSync(out).sort(), readdirSync(one).sort());
      assert.equal(stepsOf(out).length, stepsOf(one).length);
      const difference = { processes: n, losses: compareLosses(one, out), model: compareModels(one, out) };
      t.diagnostic(JSON.stringify(difference));
      assert.ok(difference.losses <= 1e-5 && difference.model <= 1e-5, JSON.stringify(difference));
      const ne = (text) => JSON.parse(text).tasks.map((task) => task.ne);
      ne(stdout).forEach((x, i) => assert.ok(Math.abs(x - ne(alone.stdout)[i]) < 1e-5));
    }
    assert.equal(compareLosses(one, threads), 0);
    assertSame(one, threads);
  });
});

test('alone it is siren-rope, which needs no MPI', { skip }, async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const path = writeRecipe(folder);
    trained(data, join(folder, 'plain'), path);
    const { status, stderr } = mpirun(trainArgs(data, join(folder, 'mpi'), path));
    assert.equal(status, 0, stderr);
    assertSame(join(folder, 'plain'), join(folder, 'mpi'));
    assert.ok(!readFileSync(program).includes('libmpi'));
  });
});

test('where one process fails all end, with its error and a status that says so', { skip }, async () => {
  await withFolder(async (folder) => {
    const data = simulate(folder);
    const out = join(folder, 'out');
    const path = writeRecipe(folder, epochs);
    const good = trainArgs(data, out, path);
    const fails = (pattern, ...processes) => {
      const { status, stdout, stderr } = mpirun(...processes);
      assert.equal(status, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
      assert.equal(stderr.match(/error: /g).length, 1, stderr);
      assert.ok(!existsSync(join(out, 'checkpoint.safetensors')));
    };
    const nowhere = trainArgs(join(folder, 'nowhere'), out, path);
    fails(/error: could not be opened.*nowhere/, ...twice(nowhere));
    fails(/error: could not be opened.*nowhere/, good, nowhere);
    fails(/error: could not be opened.*nowhere/, nowhere, good);
    fails(/error: .*\[io at .*no\/cache/, good, [...good, '--cache', join(folder, 'no/cache')]);
    fails(/expected a number that 3 processes divide, found 4 \[config at training\.shards\]/, good, good, good);
    const ends = trainArgs(data, out, writeRecipe(folder, { training: { table_rate: 1000, table_decay: 100, warmup: 0, epochs: 20, evaluations: 1 } }, 'nan.json'));
    fails(/error: the loss is/, ...twice(ends)); // both see it
  });
});

async function stop(folder, act) {
  const out = join(folder, 'out');
  const path = writeRecipe(folder, { training: { epochs: 2000, evaluations: 1 } });
  const data = simulate(folder);
  const child = spawn('mpirun', mpirunArgs(twice(trainArgs(data, out, path))), { timeout: 120000, killSignal: 'SIGKILL' });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const ended = new Promise((go) => child.on('close', (code, signal) => go(code ?? signal)));
  while (!isThere(out, 'checkpoint.safetensors')()) {
    assert.equal(child.exitCode, null, stderr);
    await new Promise((go) => setTimeout(go, 5));
  }
  await act(child);
  const status = await ended;
  assert.notEqual(status, 0, stderr);
  assert.notEqual(status, 'SIGKILL', 'it hangs');
  return { out, stderr, status };
}

test('SIGINT to mpirun saves', { skip }, async () => {
  await withFolder(async (folder) => {
    const { out, stderr } = await stop(folder, (child) => child.kill('SIGINT'));
    const at = Number(/stopped at step (\d+); --resume goes on/.exec(stderr)[1]);
    assert.deepEqual([stateOf(out).steps, stepsOf(out).at(-1).step], [at, at]);
  });
});

test('a process that dies takes the others with it, and the checkpoint is whole', { skip }, async () => {
  await withFolder(async (folder) => {
    const { out } = await stop(folder, (child) => {
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
      process.kill(children.at(-1), 'SIGKILL');
    });
    assert.ok(stateOf(out).steps > 0);
  });
});
