// `siren-rope ablate`: a small ablation, its reports, and that a second call trains only what is missing. (What it finds on
// planted events: learn.test.mjs.)
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, withFolder } from './program.mjs';
import { dailyEvents, isThere, recipe, simulate, startUntil, stepsOf, trained, writeEvents, writeRecipe } from './training.mjs';

const rows = ['ordinal', 'time-as-items', 'torope', 'flag', 'trend', 'trend-relu', 'sine', 'relu', 'full', 'full-zero', 'six'];
const args = (data, out, path, ...others) => ['ablate', '--data', data, '--out', out, '--recipe', path, '--replicates', '50', ...others];
function ablated(...all) {
  const result = run(args(...all));
  assert.equal(result.status, 0, result.stderr);
  return result;
}
const resultsOf = (out) => readFileSync(join(out, 'results.ndjson'), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
const keyOf = ({ row, seed }) => `${row} ${seed}`;
const measured = (out) => Object.fromEntries(resultsOf(out).map((result) => [keyOf(result), result.tasks]));

test('three rows by two seeds: reports, a line a training, and a second call trains nothing and says the same', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const [path, out] = [writeRecipe(folder), join(folder, 'out')];
    const { stdout, stderr } = ablated(data, out, path, '--rows', 'full,torope', '--seeds', '2');
    assert.equal(stderr.match(/of 6 trainings/g).length, 6);
    const found = resultsOf(out);
    assert.deepEqual(found.map(keyOf).sort(), ['full 1', 'full 2', 'ordinal 1', 'ordinal 2', 'torope 1', 'torope 2']);
    for (const { tasks, steps, best_step, parameters } of found) {
      assert.deepEqual(tasks.map(({ task }) => task), ['engage', 'like']);
      for (const task of tasks) for (const x of [task.ne, task.auc, task.ece]) assert.ok(x > 0 && x < 3);
      assert.ok(steps > 0 && best_step > 0 && best_step <= steps && parameters > 1000);
    }
    assert.equal(readFileSync(join(out, 'report.txt'), 'utf8'), stdout);
    assert.match(readFileSync(join(out, 'report.svg'), 'utf8'), /^<svg[^]*<\/svg>\s*$/);
    const json = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
    const ne = found.filter(({ row }) => row === 'full').map(({ tasks }) => tasks[0].ne);
    assert.ok(JSON.stringify(json).includes('"full"'));
    assert.ok(stdout.includes(((ne[0] + ne[1]) / 2).toFixed(5)), 'the mean over seeds is in the table');
    const before = readFileSync(join(out, 'results.ndjson'), 'utf8');
    const again = ablated(data, out, path, '--rows', 'full,torope', '--seeds', '2');
    assert.equal(again.stdout, stdout);
    assert.ok(!again.stderr.includes('trainings'));
    assert.equal(readFileSync(join(out, 'results.ndjson'), 'utf8'), before);
    assert.deepEqual(JSON.parse(run(args(data, out, path, '--rows', 'full,torope', '--seeds', '2', '--json')).stdout), json);
    // One row and one seed more: only those are trained. Another recipe: all of it.
    assert.match(ablated(data, out, path, '--rows', 'full,torope', '--seeds', '3').stderr, /^(.*of 9 trainings: \w+, seed 3.*\n){3}$/);
    const other = writeRecipe(folder, { training: { epochs: 1 } }, 'other.json');
    assert.equal(ablated(data, out, other, '--rows', 'full', '--seeds', '2').stderr.match(/of 4 trainings/g).length, 4);
  });
});

test('threads change nothing; a row alone and ordinal have the figures of the whole', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const path = writeRecipe(folder, { training: { epochs: 1 } });
    ablated(data, join(folder, 'a'), path, '--rows', 'full,trend', '--seeds', '2', '--threads', '1');
    ablated(data, join(folder, 'b'), path, '--rows', 'full,trend', '--seeds', '2', '--threads', '3');
    assert.deepEqual(measured(join(folder, 'a')), measured(join(folder, 'b')));
    ablated(data, join(folder, 'c'), path, '--rows', 'ordinal', '--seeds', '1', '--first-seed', '2');
    assert.deepEqual(measured(join(folder, 'c')), { 'ordinal 2': measured(join(folder, 'a'))['ordinal 2'] });
    // What train finds with the same recipe.
    const { stdout } = trained(data, join(folder, 't'), path, '--json');
    JSON.parse(stdout).tasks.forEach((task, i) => assert.equal(task.ne, measured(join(folder, 'a'))['full 1'][i].ne));
  });
});

test('an interrupted ablation, and one that was killed while it wrote, goes on', async () => {
  await withFolder(async (folder) => {
    const data = simulate(folder);
    const [path, whole, out] = [writeRecipe(folder), join(folder, 'whole'), join(folder, 'out')];
    ablated(data, whole, path, '--rows', 'full', '--seeds', '4');
    const some = () => isThere(out, 'results.ndjson')() && resultsOf(out).length >= 2;
    const { child, ended } = await startUntil(args(data, out, path, '--rows', 'full', '--seeds', '4'), some);
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    assert.equal(status, 130);
    assert.match(stderr, /stopped; the same command goes on/);
    const n = resultsOf(out).length;
    assert.ok(n < 8, 'it was over before it was stopped');
    assert.ok(!existsSync(join(out, 'report.txt')));
    const text = readFileSync(join(out, 'results.ndjson'), 'utf8');
    writeFileSync(join(out, 'results.ndjson'), text.slice(0, -30)); // its last line is cut
    const { stderr: on } = ablated(data, out, path, '--rows', 'full', '--seeds', '4');
    assert.equal(on.match(/of 8 trainings/g).length, 8 - (n - 1));
    const kept = readFileSync(join(out, 'results.ndjson'), 'utf8').split('\n').filter(Boolean).flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
    assert.deepEqual(Object.fromEntries(kept.map((result) => [keyOf(result), result.tasks])), measured(whole));
  });
});

test('every row makes a model', async () => {
  await withFolder((folder) => {
    const data = simulate(folder, 40);
    // The simulator has no signal: the schema and the events get a static one.
    const schema = JSON.parse(readFileSync(join(data, 'schema.json'), 'utf8'));
    writeFileSync(join(data, 'schema.json'), JSON.stringify({ ...schema, signals: ['followed'] }));
    const lines = readFileSync(join(data, 'events.ndjson'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    writeFileSync(join(data, 'events.ndjson'), lines.map((event) => `${JSON.stringify({ ...event, signal: { followed: event.item.id % 2 } })}\n`).join(''));
    const [path, out] = [writeRecipe(folder, { training: { epochs: 1 } }), join(folder, 'out')];
    ablated(data, out, path, '--seeds', '1', '--flag', 'followed');
    const found = Object.fromEntries(resultsOf(out).map((result) => [result.row, result]));
    assert.deepEqual(Object.keys(found).sort(), [...rows].sort());
    for (const { tasks } of Object.values(found)) for (const { ne } of tasks) assert.ok(Number.isFinite(ne));
    const count = (row) => found[row].parameters;
    assert.equal(count('torope'), count('ordinal'));
    assert.equal(count('time-as-items') - count('ordinal'), 5 * recipe.model.d_model);
    for (const row of ['sine', 'relu', 'full-zero']) assert.equal(count(row), count('full'));
    assert.equal(count('flag'), count('trend'));
    assert.ok(count('six') > count('full') && count('full') > count('trend') && count('trend') > count('ordinal'));
    const distinct = new Set(Object.values(found).map(({ tasks }) => JSON.stringify(tasks)));
    assert.equal(distinct.size, rows.length, 'two rows are the same');
    const { stderr } = ablated(data, join(folder, 'none'), path, '--seeds', '1', '--rows', 'flag');
    assert.match(stderr, /the row flag needs a static flag of the data: --flag NAME; it is left out/);
    assert.match(run(args(data, join(folder, 'wrong'), path, '--seeds', '1', '--flag', 'mood')).stderr, /no such signal \[config at .*mood\]/);
  });
});

test('a row that starts at zero starts as ordinal RoPE exactly, with the same weights', async () => {
  await withFolder((folder) => {
    const data = simulate(folder);
    const first = (name, model) => {
      const out = join(folder, name);
      trained(data, out, writeRecipe(folder, { model, training: { epochs: 1, warmup: 1 } }));
      return stepsOf(out)[0].loss;
    };
    const [ordinal, zero, full] = [first('ordinal', { variant: 'ordinal' }), first('zero', { start_at_zero: true }), first('full', {})];
    assert.ok(Math.abs(ordinal - zero) < 1e-6, `${ordinal} and ${zero}`);
    assert.ok(Math.abs(ordinal - full) > 1e-6);
  });
});

test('what cannot be done is said', async () => {
  await withFolder((folder) => {
    const data = writeEvents(join(folder, 'data'), dailyEvents());
    const out = join(folder, 'out');
    const path = writeRecipe(folder, { training: { epochs: 1 } });
    const says = (pattern, data_, ...others) => {
      const { status, stdout, stderr } = run(args(data_, out, path, ...others));
      assert.notEqual(status, 0);
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
      rmSync(out, { recursive: true, force: true });
    };
    says(/there is no row "fool"; see --help \[argument at --rows\]/, data, '--rows', 'full,fool');
    says(/there is no row "" *; see --help/, data, '--rows', '');
    says(/\[io at .*nowhere/, join(folder, 'nowhere'));
    says(/whole number/, data, '--seeds', '0');
    says(/expected events in the split, found none \[config at .*splits\]/, writeEvents(join(folder, 'untested'), dailyEvents(), { splits: [10, 99] }), '--rows', 'trend', '--seeds', '1');
    says(/found none \[config at .*splits\.validation\]/, writeEvents(join(folder, 'unlearned'), dailyEvents(), { splits: [0, 10] }), '--rows', 'trend', '--seeds', '1');
    writeFileSync(path, JSON.stringify({ training: { epoch: 1 } }));
    says(/there is no such key \[config at .*training\.epoch\]/, data);
    assert.ok(readdirSync(folder).length > 0);
  });
});

test('a task that is undefined is so in every report', async () => {
  await withFolder((folder) => {
    const events = dailyEvents(6).map((event) => ({ ...event, b: event.time < 9 ? event.a : 0 }));
    const data = writeEvents(join(folder, 'data'), events, { labels: ['a', 'b'] });
    const out = join(folder, 'out');
    const { stdout } = ablated(data, out, writeRecipe(folder, { training: { epochs: 1 } }), '--rows', 'trend', '--seeds', '2');
    assert.match(stdout, /undef/);
    assert.ok(!/\bnan\b/i.test(stdout + readFileSync(join(out, 'report.json'), 'utf8') + readFileSync(join(out, 'report.svg'), 'utf8')));
    assert.deepEqual(resultsOf(out)[0].tasks[1].auc, null);
  });
});
