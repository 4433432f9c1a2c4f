// `siren-rope train`: what it leaves in its folder, that the same seed gives the same bytes whatever stops it in between, and
// what it says of everything that can be wrong.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { program, readTensors, run, withFolder } from './program.mjs';
import {
  assertSame, bytesOf, dailyEvents, isThere, readLog, readMetadata, recipe, results, simulate, startUntil, stateOf, stepsOf, train, trainArgs,
  trained, writeEvents, writeRecipe,
} from './training.mjs';

const long = { training: { epochs: 24, evaluations: 8 } }; // long enough to be stopped in the middle
const wait = (ms) => new Promise((go) => setTimeout(go, ms));

// ------------------------------------------------------------------ what it leaves

test('the model is written, and eval measures what train printed', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const out = join(folder, 'out');
    const { stdout, stderr } = trained(data, out, writeRecipe(folder), '--json');
    assert.equal(stdout.trim().split('\n').length, 1);
    const told = JSON.parse(stdout);
    const { status, stdout: measured } = run(['eval', '--model', told.model, '--data', data, '--split', 'test', '--json']);
    assert.equal(status, 0);
    const { tasks, events } = JSON.parse(measured);
    assert.deepEqual([told.split, told.events, told.tasks.length], ['test', events, 2]);
    for (const [i, task] of tasks.entries())
      for (const [key, value] of Object.entries(task)) {
        if (typeof value === 'number') assert.ok(Math.abs(value - told.tasks[i][key]) < 2e-5, `${task.task} ${key}: ${value}, ${told.tasks[i][key]}`);
        else assert.equal(value, told.tasks[i][key]);
      }
    const best = readLog(out).filter(({ best: yes }) => yes).at(-1);
    assert.deepEqual([told.best_step, told.validation_ne], [best.step, best.mean_ne]);
    const table = trained(data, join(folder, 'again'), writeRecipe(folder)).stdout;
    assert.ok(table.includes(`again/model.safetensors on the test split, ${events} events`));
    for (const { task, ne, auc } of told.tasks) assert.match(table, new RegExp(`^${task} .* ${ne.toFixed(5)} +${auc.toFixed(5)} `, 'm'));
    assert.equal((stderr.match(/validation NE/g) ?? []).length, 6);
    assert.ok(!stderr.includes('\r') && !stderr.includes('\x1b')); // plain lines where there is no terminal
    assert.deepEqual(readdirSync(out).sort(), ['checkpoint.safetensors', 'events.cache', 'lock', 'log.ndjson', 'model.safetensors', 'moments']);
  });
});

test('the log has every step once, with the rotation, and moments of it from the first weights to the last', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const out = join(folder, 'out');
    trained(data, out, writeRecipe(folder), '--moments', '5');
    const log = readLog(out);
    const steps = stepsOf(out);
    assert.deepEqual(steps.map(({ step }) => step), steps.map((_, i) => i + 1));
    assert.equal(steps.length % 3, 0);
    for (const { loss, norm, rate, order_scale, freq } of steps) {
      for (const x of [loss, norm, rate, order_scale, ...freq]) assert.ok(Number.isFinite(x));
      assert.equal(freq.length, 4);
    }
    assert.notDeepEqual(steps[0].freq, steps.at(-1).freq);
    assert.notEqual(steps[0].order_scale, steps.at(-1).order_scale);
    assert.equal(log.filter(({ event }) => event === 'evaluation').length, 6);
    const moments = log.filter(({ event }) => event === 'moment');
    assert.deepEqual(moments.map(({ moment }) => moment), [0, 1, 2, 3, 4]);
    assert.deepEqual([moments[0].step, moments[4].step], [0, steps.length]);
    assert.deepEqual(readdirSync(join(out, 'moments')), moments.map(({ moment }) => `00${moment}.safetensors`));
    const first = readTensors(join(out, 'moments/000.safetensors'));
    const last = readTensors(join(out, 'moments/004.safetensors'));
    const values = readTensors(join(out, 'checkpoint.safetensors'));
    assert.deepEqual(first['rope.freq'].data, [1, 1, 1, 1].map(() => Math.fround(Math.PI)));
    assert.deepEqual(first['rope.order_scale'], { dtype: 'F32', shape: [], data: [1] });
    const names = Object.keys(first);
    assert.deepEqual(names.sort(), Object.keys(values).filter((name) => /^(rope|angle_nn|action_angle_nn)\./.test(name)).sort());
    assert.equal(names.length, 2 + 2 * 16);
    for (const name of names) {
      assert.deepEqual(last[name], values[name]);
      assert.deepEqual(first[name].shape, last[name].shape);
    }
    assert.notDeepEqual(first['angle_nn.net.0.linear.weight'].data, last['angle_nn.net.0.linear.weight'].data);
    assert.deepEqual(first['angle_nn.net.3.bias'].data, last['angle_nn.net.3.bias'].data); // the gauge
    assert.equal(readMetadata(join(out, 'moments/002.safetensors')).step, String(moments[2].step));
  });
});

test('a model without a learned rotation has a log and no moments', async () => {
  await withFolder((folder) => {
    const out = join(folder, 'out');
    trained(simulate(folder), out, writeRecipe(folder, { model: { variant: 'ordinal' } }));
    assert.deepEqual(readdirSync(join(out, 'moments')), []);
    assert.equal(stepsOf(out)[0].freq, undefined);
  });
});

// ------------------------------------------------------------------ the same bits

test('the same seed gives the same bytes with 1, 2 and 3 threads; another seed others', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const out = (name) => join(folder, name);
    for (const threads of [1, 2, 3]) trained(data, out(`t${threads}`), writeRecipe(folder), '--threads', String(threads));
    assertSame(out('t1'), out('t2'));
    assertSame(out('t1'), out('t3'));
    trained(data, out('other'), writeRecipe(folder, { training: { seed: 2 } }));
    for (const name of results) assert.ok(!bytesOf(out('other'), name).equals(bytesOf(out('t1'), name)), name);
  });
});

test('killed in the middle and resumed, it ends with the same bytes', async () => {
  await withFolder(async (folder) => {
    const data = simulate(folder);
    const path = writeRecipe(folder, long);
    const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
    const { stdout } = trained(data, whole, path);
    for (const part of [0.2, 0.6]) { // twice: the second time while it goes on after the first
      const enough = () => existsSync(join(killed, 'checkpoint.safetensors')) && stateOf(killed).steps >= part * stepsOf(whole).length;
      const { child, ended } = await startUntil(trainArgs(data, killed, path, ...(part > 0.2 ? ['--resume'] : [])), enough);
      await wait(7); // between two checkpoints
      child.kill('SIGKILL');
      assert.equal((await ended).status, 'SIGKILL');
      assert.ok(stateOf(killed).steps < stepsOf(whole).length, 'the training was over before it was killed');
    }
    const resumed = trained(data, killed, path, '--resume');
    assertSame(whole, killed, [...results, ...readdirSync(join(whole, 'moments')).map((name) => `moments/${name}`)]);
    assert.equal(resumed.stdout.split('\n').slice(1).join('\n'), stdout.split('\n').slice(1).join('\n'));
    assert.deepEqual(readdirSync(killed).sort(), readdirSync(whole).sort());
    trained(data, killed, path, '--resume'); // nothing is left to do
    assertSame(whole, killed);
  });
});

test('SIGINT and SIGTERM save; it says how to go on, and going on needs no recipe', async () => {
  await withFolder(async (folder) => {
    const data = simulate(folder);
    const path = writeRecipe(folder, long);
    const [whole, stopped] = [join(folder, 'whole'), join(folder, 'stopped')];
    trained(data, whole, path);
    let before = 0;
    for (const [signal, expected] of [['SIGINT', 130], ['SIGTERM', 143]]) {
      const goes = () => existsSync(join(stopped, 'log.ndjson')) && existsSync(join(stopped, 'checkpoint.safetensors')) && stateOf(stopped).steps > before;
      const args = before > 0 ? ['train', '--data', data, '--out', stopped, '--resume'] : trainArgs(data, stopped, path);
      const { child, ended } = await startUntil(args, before > 0 ? goes : isThere(stopped, 'checkpoint.safetensors'));
      await wait(7);
      child.kill(signal);
      const { status, stderr } = await ended;
      assert.equal(status, expected, stderr);
      const at = Number(/stopped at step (\d+); --resume goes on from .*checkpoint\.safetensors/.exec(stderr)[1]);
      before = stateOf(stopped).steps;
      assert.equal(at, before);
      assert.equal(stepsOf(stopped).at(-1).step, before);
      assert.ok(before < stepsOf(whole).length, 'the training was over before it was stopped');
    }
    const { status, stderr } = run(['train', '--data', data, '--out', stopped, '--resume']);
    assert.equal(status, 0, stderr);
    assertSame(whole, stopped);
  });
});

test('patience ends it early, with the best model', async () => {
  await withFolder((folder) => {
    const data = simulate(folder, 40);
    const out = join(folder, 'out');
    trained(data, out, writeRecipe(folder, { training: { epochs: 200, batch: 8, learning_rate: 1e-2, dropout: 0, id_dropout: 0, evaluations: 1, patience: 3 } }));
    const evaluations = readLog(out).filter(({ event }) => event === 'evaluation');
    const best = evaluations.reduce((a, b) => (b.mean_ne < a.mean_ne ? b : a));
    assert.ok(evaluations.length < 200 && evaluations.length > 3);
    assert.equal(evaluations.indexOf(best), evaluations.length - 4);
    assert.deepEqual(evaluations.map(({ best: yes }) => yes), evaluations.map(({ mean_ne }, i) => evaluations.slice(0, i).every((e) => mean_ne < e.mean_ne)));
    const { stdout } = run(['eval', '--model', join(out, 'model.safetensors'), '--data', data, '--split', 'validation', '--json']);
    const ne = JSON.parse(stdout).tasks.reduce((sum, task) => sum + task.ne, 0) / 2;
    assert.ok(Math.abs(ne - best.mean_ne) < 2e-5, `${ne}, ${best.mean_ne}`);
  });
});

// ------------------------------------------------------------------ what goes wrong while it trains

test('a loss that is not finite or explodes ends it with an error, and what was good is kept', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const cases = [
      // The decay makes the tables larger by a factor in every step, which the layer norm hides until they overflow.
      ['nan', { table_rate: 1000, table_decay: 100, warmup: 0, epochs: 20 }, /the loss is -?(nan|inf) and its gradient's norm -?(nan|inf) after \d+ steps/],
      ['explosion', { learning_rate: 1000, clip_norm: 0, warmup: 1, epochs: 2000 }, /the loss explodes: from \d.* at first to \d.* after \d+ steps/],
    ];
    for (const [name, training, pattern] of cases) {
      const out = join(folder, name);
      const path = writeRecipe(folder, { training: { ...training, evaluations: 7 } });
      const { status, stdout, stderr } = train(data, out, path);
      assert.equal(status, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
      assert.match(stderr, /error: .* \[value\]/);
      assert.match(stderr, /kept: .*checkpoint\.safetensors, and in .*model\.safetensors the best model, of step \d+/);
      const best = readTensors(join(out, 'model.safetensors'));
      for (const { data: values } of Object.values(best)) assert.ok(values.every(Number.isFinite));
      assert.equal(run(['eval', '--model', join(out, 'model.safetensors'), '--data', data]).status, 0);
      for (const { data: values } of Object.values(readTensors(join(out, 'checkpoint.safetensors')))) assert.ok(values.every(Number.isFinite));
      const again = train(data, out, path, '--resume'); // goes on from there, to the same end
      assert.equal(again.status, 1);
      assert.equal(/error:.*/.exec(again.stderr)[0], /error:.*/.exec(stderr)[0]);
      assert.equal(bytesOf(out, 'log.ndjson').toString().split('\n').at(-1), ''); // whole lines only
    }
  });
});

test('a full disk: exit 1, the checkpoint of before survives, and with room again it goes on to the same bytes', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const whole = join(folder, 'whole');
    const out = join(folder, 'out');
    const cache = join(folder, 'cache');
    const path = writeRecipe(folder, { training: { epochs: 12 } });
    trained(data, whole, path, '--cache', cache);
    // A limit on the size of files stands for the disk: the log outgrows it, and models and checkpoints do not.
    const size = Math.max(bytesOf(whole, 'checkpoint.safetensors').length, 1);
    const limited = (blocks, ...args) => {
      const script = `ulimit -f ${blocks}; exec "$0" "$@"`;
      return spawnSync('bash', ['-c', script, program, ...trainArgs(data, out, path, '--cache', cache, ...args)], { encoding: 'utf8' });
    };
    const log = bytesOf(whole, 'log.ndjson').length;
    assert.ok(log > 20480 && size > 4096);
    const full = limited(Math.floor(log / 2 / 1024)); // bash counts blocks of 1024
    assert.equal(full.status, 1, full.stderr);
    assert.match(full.stderr, /could not be written: .*large.* \[io at /);
    if (existsSync(join(out, 'checkpoint.safetensors'))) {
      assert.ok(stateOf(out).steps > 0 && stateOf(out).steps < stateOf(whole).steps);
      trained(data, out, path, '--cache', cache, '--resume');
    } else {
      trained(data, out, path, '--cache', cache, '--overwrite');
    }
    assertSame(whole, out);
    // The checkpoint does not fit: the old one stays as it is.
    rmSync(out, { recursive: true });
    mkdirSync(out);
    for (const name of results) copyFileSync(join(whole, name), join(out, name));
    const before = bytesOf(out, 'checkpoint.safetensors');
    const again = limited(Math.floor(size / 1024 / 2), '--overwrite');
    assert.equal(again.status, 1);
    assert.match(again.stderr, /\[io at .*/);
    assert.ok(before.length > 0);
    assert.ok(!readdirSync(out).some((name) => name.endsWith('.part')));
  });
});

test('a file system without room: the old checkpoint survives', async (t) => {
  await withFolder((folder) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', disk]).status !== 0) {
      t.skip('mounting a small file system is not allowed here');
      return;
    }
    try {
      const data = simulate(folder);
      const path = writeRecipe(folder, { training: { epochs: 12 } });
      const [whole, out, cache] = [join(folder, 'whole'), join(disk, 'out'), join(folder, 'cache')];
      trained(data, whole, path, '--cache', cache);
      const size = bytesOf(whole, 'checkpoint.safetensors').length;
      // Room for the first checkpoint and not for its successor beside it.
      mkdirSync(out);
      writeFileSync(join(disk, 'others'), Buffer.alloc(2 * 1048576 - Math.floor(1.8 * size) - 100000));
      const { status, stderr } = train(data, out, path, '--cache', cache, '--moments', '0');
      assert.equal(status, 1, stderr);
      assert.match(stderr, /could not be written: No space left on device \[io at /);
      assert.match(stderr, /kept: .*checkpoint\.safetensors/);
      assert.ok(!readdirSync(out).some((name) => name.endsWith('.part')));
      assert.ok(stateOf(out).steps < stateOf(whole).steps);
      rmSync(join(disk, 'others'));
      trained(data, out, path, '--cache', cache, '--moments', '0', '--resume');
      assertSame(whole, out, ['model.safetensors']);
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});

test('two trainings into one folder: the second says so, the first goes on', async () => {
  await withFolder(async (folder) => {
    const data = simulate(folder);
    const path = writeRecipe(folder, long);
    const [whole, out] = [join(folder, 'whole'), join(folder, 'out')];
    const { child, ended } = await startUntil(trainArgs(data, out, path), isThere(out, 'checkpoint.safetensors'));
    for (const args of [[], ['--resume'], ['--overwrite']]) {
      const { status, stderr } = train(data, out, path, ...args);
      assert.equal(status, 1);
      assert.match(stderr, /another training is at work in this folder \[io at .*out\]/);
    }
    assert.equal(child.exitCode, null, 'the first one was over');
    assert.equal((await ended).status, 0);
    trained(data, whole, path);
    assertSame(whole, out);
  });
});

// ------------------------------------------------------------------ folders

test('what is in a folder is not trained over unless --overwrite says so', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const out = join(folder, 'out');
    const short = writeRecipe(folder, { training: { epochs: 1 } }, 'short.json');
    assert.match(train(data, out, short, '--resume').stderr, /could not be opened: No such file or directory \[io at .*checkpoint\.safetensors\]/);
    trained(data, out, writeRecipe(folder), '--moments', '9');
    const before = results.map((name) => bytesOf(out, name));
    const { status, stderr } = train(data, out, short);
    assert.equal(status, 1);
    assert.match(stderr, /there is a training in this folder: --resume .*, --overwrite .* \[argument at .*out\]/);
    for (const [args, pattern] of [
      [[short, '--resume'], /the checkpoint was made with another recipe \[config at recipe\]/],
      [[writeRecipe(folder), '--resume', '--set', '{"training":{"seed":9}}'], /made with another recipe \[config at recipe\]/],
    ]) assert.match(train(data, out, ...args).stderr, pattern);
    assert.match(train(simulate(folder, 50), out, writeRecipe(folder), '--resume').stderr, /made with (other data|another data schema)/);
    assert.deepEqual(results.map((name) => bytesOf(out, name)), before);
    trained(data, out, short, '--overwrite', '--moments', '2');
    assert.deepEqual(readdirSync(join(out, 'moments')), ['000.safetensors', '001.safetensors']);
    trained(data, join(folder, 'new'), short, '--moments', '2');
    assertSame(out, join(folder, 'new'));
    const theirs = join(folder, 'theirs');
    mkdirSync(theirs);
    writeFileSync(join(theirs, 'model.safetensors'), 'not ours');
    assert.match(train(data, theirs, short).stderr, /there is a model in this folder; --overwrite replaces it \[argument at .*model\.safetensors\]/);
    assert.equal(readFileSync(join(theirs, 'model.safetensors'), 'utf8'), 'not ours');
    assert.match(train(data, join(folder, 'a', 'b'), short).stderr, /could not be made: .* \[io at .*b\]/);
    writeFileSync(join(out, 'checkpoint.safetensors'), before[1].subarray(0, before[1].length / 2));
    assert.match(train(data, out, short, '--resume').stderr, /\[(format|tensor) at /); // cut short
  });
});

test('a data set of the same size whose labels differ is not resumed with', async () => {
  await withFolder((folder) => {
    const data = writeEvents(join(folder, 'data'), dailyEvents());
    const [path, out] = [writeRecipe(folder), join(folder, 'out')];
    trained(data, out, path);
    writeEvents(data, dailyEvents()); // the same, written anew
    trained(data, out, path, '--resume');
    writeEvents(data, dailyEvents().map((event, i) => (i === 7 ? { ...event, a: 1 - event.a } : event)));
    assert.match(train(data, out, path, '--resume').stderr, /made with other data of the same size \[config at training\]/);
  });
});

// ------------------------------------------------------------------ recipes

test('a wrong recipe is a typed error with its place', async () => {
  await withFolder((folder) => {
    const data = writeEvents(join(folder, 'data'), dailyEvents());
    const out = join(folder, 'out');
    const wrong = [
      [{ training: { epoch: 3 } }, /there is no such key \[config at training\.epoch\]/],
      [{ model: { d_modle: 3 } }, /there is no such key \[config at model\.d_modle\]/],
      [{ trainig: { epochs: 3 } }, /there is no such key.* \[config at trainig\]/],
      [{ training: { epochs: '3' } }, /whole number from 1 to 1000000, found a string "3" \[config at training\.epochs\]/],
      [{ training: { epochs: 1.5 } }, /found a number 1\.5 \[config at training\.epochs\]/],
      [{ training: { batch: 0 } }, /\[config at training\.batch\]/],
      [{ training: { dropout: 1 } }, /\[config at training\.dropout\]/],
      [{ training: { learning_rate: -1 } }, /\[config at training\.learning_rate\]/],
      [{ training: { shards: 3 } }, /a power of two, found .* 3 \[config at training\.shards\]/],
      [{ training: { optimizer: 'sgd' } }, /adamw or adam, found a string "sgd" \[config at training\.optimizer\]/],
      [{ training: { hold: 1 } }, /\[config at training\.hold\]/],
      [{ training: { task_weights: { b: 1 } } }, /one of the labels.* \[config at training\.task_weights\.b\]/],
      [{ training: { task_weights: { a: -1 } } }, /\[config at training\.task_weights\.a\]/],
      [{ training: { task_weights: { a: 0 } } }, /a label with a weight above 0 \[config at training\.task_weights\]/],
      [{ training: { task_weights: 3 } }, /\[config at training\.task_weights\]/],
      [{ training: 3 }, /expected an object, found .* \[config at training\]/],
      [{ model: { d_model: 15 } }, /divides d_model = 15 into even parts, found 2 \[config at model\.num_heads\]/],
      [{ model: { num_heads: 3 } }, /\[config at model\.num_heads\]/],
      [{ model: { num_heads: 'two' } }, /\[config at model\.num_heads\]/],
      [{ model: { n_angles: 3 } }, /a divisor of the 4 pairs of a head, found 3 \[config at model\.n_angles\]/],
      [{ model: { head_widths: [] } }, /\[config at model\.head_widths\]/],
      [{ model: { head_widths: [0] } }, /\[config at model\.head_widths\]/],
      [{ model: { variant: 'rope' } }, /ordinal, torope or siren.* \[config at model\.variant\]/],
      [{ model: { angle_features: ['hour'] } }, /\[config at model\.angle_features\]/],
      [{ model: { start_at_zero: 1 } }, /true or false.* \[config at model\.start_at_zero\]/],
      [{ model: { angle_signals: ['mood'] } }, /no such signal \[config at mood\]/],
      [{ model: { labels: ['b'] } }, /\[config at /],
      [{ model: { features: { item: [{ name: 'y', kind: 'number' }], action: [{ name: 'a', kind: 'number' }] } } }, /\[config at .*/],
    ];
    for (const [change, pattern] of wrong) {
      const path = join(folder, 'recipe.json');
      const merged = Object.fromEntries(['model', 'training'].map((part) => [part, typeof change[part] === 'number' ? change[part] : { ...recipe[part], ...change[part] }]));
      writeFileSync(path, JSON.stringify({ ...change, ...merged }));
      const { status, stdout, stderr } = train(data, out, path);
      assert.equal(status, 1, JSON.stringify(change));
      assert.equal(stdout, '');
      assert.match(stderr, pattern, JSON.stringify(change));
      assert.ok(!existsSync(join(out, 'checkpoint.safetensors')));
    }
    const path = writeRecipe(folder);
    for (const [set, pattern] of [
      ['{', /a JSON object.* \[json at --set\]/],
      ['3', /\[json at --set\]/],
      ['{"training":{"epochs":0}}', /\[config at training\.epochs\]/],
    ]) assert.match(train(data, out, path, '--set', set).stderr, pattern);
    writeFileSync(path, '{"model": ');
    assert.match(train(data, out, path).stderr, /\[json at recipe/);
    assert.match(train(data, out, join(folder, 'none.json')).stderr, /\[io at .*none\.json\]/);
    assert.match(train(join(folder, 'nowhere'), out, writeRecipe(folder)).stderr, /\[io at .*nowhere/);
    assert.equal(run(['train', '--data', data]).status, 2);
    assert.equal(train(data, out, path, '--threads', 'x').status, 2);
    assert.match(train(data, out, writeRecipe(folder), '--isa', 'sse9').stderr, /sse9/);
  });
});

test('--set changes the recipe', async () => {
  await withFolder((folder) => {
    const data = writeEvents(join(folder, 'data'), dailyEvents());
    trained(data, join(folder, 'a'), writeRecipe(folder), '--set', '{"training":{"epochs":2},"model":{"n_angles":2}}');
    trained(data, join(folder, 'b'), writeRecipe(folder, { training: { epochs: 2 }, model: { n_angles: 2 } }));
    assertSame(join(folder, 'a'), join(folder, 'b'), ['log.ndjson']);
    assert.equal(stepsOf(join(folder, 'a'))[0].freq.length, 2);
  });
});

// ------------------------------------------------------------------ data

test('bad events end it before it begins, with file, line and field', async () => {
  await withFolder((folder) => {
    const data = join(folder, 'data');
    const out = join(folder, 'out');
    const path = writeRecipe(folder);
    const bad = (change, pattern, options = {}) => {
      rmSync(data, { recursive: true, force: true });
      writeEvents(data, dailyEvents(), { lines: (lines) => lines.map((line, i) => (i === 4 ? change(line) : line)), ...options });
      const { status, stderr } = train(data, out, path);
      assert.equal(status, 1, stderr);
      assert.match(stderr, pattern);
      assert.ok(!existsSync(join(out, 'checkpoint.safetensors')));
    };
    bad((line) => line.replace(/"label":\{"a":\d\}/, '"label":{"a":1.5}'), /a label from 0 to 1, found 1\.5 \[value at events\.ndjson line 5, label\.a\]/);
    bad((line) => line.replace(/"label":\{"a":\d\}/, '"label":{"a":"yes"}'), /events\.ndjson line 5, label\.a\]/);
    bad((line) => line.replace(/"time":\d+/, '"time":1000'), /\[time at events\.ndjson line 5/);
    bad((line) => line.replace(/"x":-?\d/, '"x":"long"'), /\[feature at events\.ndjson line 5, item\.x\]/);
    bad((line) => line.slice(0, 20), /events\.ndjson line 5/);
    bad((line) => line.replace('"user":0', '"user":7'), /events\.ndjson line 6/); // user 0 comes back
    rmSync(data, { recursive: true });
    writeEvents(data, dailyEvents());
    rmSync(join(data, 'events.ndjson'));
    writeFileSync(join(data, 'events.csv'), 'user,time,item.x,action.a\n0,1767225600000,1,1\n');
    assert.match(train(data, out, path).stderr, /expected a column "label\.a" in the header, found none \[format at events\.csv line 1\]/);
    writeEvents(data, dailyEvents(), { schema: { labels: [] } });
    rmSync(join(data, 'events.csv'));
    assert.match(train(data, out, path).stderr, /labels/);
    writeEvents(data, dailyEvents(), { schema: { features: { item: [{ name: 'x', kind: 'number' }] } } });
    assert.match(train(data, out, path).stderr, /expected at least one action feature to train on, found none \[config at /);
  });
});

test('empty splits are said', async () => {
  await withFolder((folder) => {
    const path = writeRecipe(folder);
    const with_splits = (name, splits) => train(writeEvents(join(folder, name), dailyEvents(), { splits }), join(folder, `${name}-out`), path);
    const none = with_splits('no-train', [0, 15]);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /expected events before the validation split to train on, found none \[config at splits\.validation\]/);
    assert.match(with_splits('no-validation', [12.1, 12.2]).stderr, /from the validation split's time to the test split's, found none \[config at splits\.validation\]/);
    const untested = with_splits('no-test', [10, 99]);
    assert.equal(untested.status, 0);
    assert.equal(untested.stdout, '');
    assert.match(untested.stderr, /the data has no events in the test split/);
    const json = JSON.parse(train(join(folder, 'no-test'), join(folder, 'no-test-json'), path, '--json').stdout);
    assert.deepEqual([json.events, json.tasks], [0, []]);
    assert.match(train(writeEvents(join(folder, 'empty'), []), join(folder, 'empty-out'), path).stderr, /error: /);
  });
});

test('tasks without positives have no NE and no AUC, and others train on', async () => {
  await withFolder((folder) => {
    const events = dailyEvents(6).map((event) => ({ ...event, b: event.time < 9 ? event.a : 0 }));
    const data = writeEvents(join(folder, 'data'), events, { labels: ['a', 'b'] });
    const out = join(folder, 'out');
    const path = writeRecipe(folder);
    const { stdout, stderr } = trained(data, out, path);
    assert.match(stdout, /^b +0\.0000 +undefined +undefined +\d/m);
    assert.match(stdout, /^a +0\.\d+ +\d\.\d+ +\d\.\d+ +\d/m);
    assert.match(stderr, /validation NE \d.*: a \d\.\d+ b undefined/);
    for (const { tasks, mean_ne } of readLog(out).filter(({ event }) => event === 'evaluation')) {
      assert.deepEqual([tasks[1].ne, tasks[1].auc], [null, null]);
      assert.equal(mean_ne, tasks[0].ne);
    }
    const json = JSON.parse(train(data, join(folder, 'json'), path, '--json').stdout);
    assert.deepEqual([json.tasks[1].ne, json.tasks[1].auc], [null, null]);
    // No task has any: the last model is kept, and nothing stops early for it.
    const all = join(folder, 'all');
    const undefined_all = trained(writeEvents(join(folder, 'none'), events.map((e) => ({ ...e, a: e.time < 9 ? e.a : 1 }))), all, writeRecipe(folder, { training: { patience: 1 } }));
    assert.match(undefined_all.stderr, /validation NE undefined \(the best so far\): a undefined/);
    assert.ok(!/nan/.test(undefined_all.stderr + undefined_all.stdout));
    assert.deepEqual(readTensors(join(all, 'model.safetensors'))['head.0.weight'], readTensors(join(all, 'checkpoint.safetensors'))['head.0.weight']);
  });
});

test('events without any label cost nothing and count nowhere', async () => {
  await withFolder((folder) => {
    const data = join(folder, 'data');
    writeEvents(data, dailyEvents(40), { lines: (lines) => lines.map((line, i) => (i < 400 ? line.replace(/"label":\{[^}]*\}/, '"label":{}') : line)) });
    const out = join(folder, 'out');
    trained(data, out, writeRecipe(folder, { training: { batch: 1, shards: 2, epochs: 1 } }));
    const steps = stepsOf(out); // batches of one user: half of them have no label
    assert.deepEqual(steps.map(({ step }) => step), steps.map((_, i) => i + 1));
    assert.equal(steps.filter(({ loss }) => loss === null).length, 20);
  });
});

test('users with one event each are trained on and measured', async () => {
  await withFolder((folder) => {
    const data = writeEvents(join(folder, 'data'), dailyEvents(1, 60).map((event, i) => ({ ...event, user: i, time: (i % 20) + 0.5 })));
    const { stdout, stderr } = trained(data, join(folder, 'out'), writeRecipe(folder));
    assert.match(stdout, /on the test split, 15 events/);
    assert.ok(!/nan|undefined/.test(stdout + stderr));
  });
});

// ------------------------------------------------------------------ a terminal

// Runs under `script`, which gives it a terminal; { status, text }.
function inTerminal(args, columns, env = {}) {
  const quoted = [program, ...args].map((word) => `'${word}'`).join(' ');
  const { status, stdout, error } = spawnSync('script', ['-qec', `stty cols ${columns}; exec ${quoted}`, '/dev/null'], { encoding: 'utf8', env: { ...process.env, ...env } });
  if (error) throw error;
  return { status, text: stdout };
}

test('on a terminal a bar is drawn over itself, with the rate and the time that is left', async (t) => {
  if (spawnSync('script', ['--version']).status !== 0) {
    t.skip('there is no program `script` to give it a terminal');
    return;
  }
  await withFolder((folder) => {
    const data = simulate(folder, 300);
    const path = writeRecipe(folder, { training: { epochs: 15, evaluations: 1 } });
    for (const columns of [200, 60]) {
      const { status, text } = inTerminal(trainArgs(data, join(folder, `out${columns}`), path), columns);
      assert.equal(status, 0, text);
      const drawn = text.split(/[\r\n]/).map((line) => line.replaceAll('\x1b[K', '')).filter((line) => line.startsWith('train ['));
      assert.ok(drawn.length > 0);
      for (const line of drawn) assert.ok(line.length < columns, `${line.length} columns of ${columns}: ${line}`);
      if (columns === 200) for (const line of drawn) assert.match(line, /^train \[#*\.*\] \d+ %, epoch \d+\.\d+, loss \d\.\d+, \d+ events\/s, (\d+ h )?(\d+ min )?(\d+ s )?left$/);
      assert.ok(text.includes('\r\x1b[Ksiren-rope train: step ')); // the bar makes room for a line
    }
    const wrong = (env) => inTerminal(trainArgs(data, join(folder, 'out200'), path), 80, env).text;
    assert.ok(wrong({}).includes('\x1b[1;31merror:\x1b[0m there is a training'));
    assert.ok(!wrong({ NO_COLOR: '1' }).includes('\x1b[1;31m'));
  });
});
