// `siren-rope simulate`: the folder it writes is in the event format, the same bytes for the same seed, the same events in
// both forms, with the figures it prints; and it replaces nothing that it did not write, nor leaves half a file behind.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { program, run, start, withFolder } from './program.mjs';

const simulate = (out, ...args) => run(['simulate', '--out', out, ...args]);

function simulated(out, ...args) {
  const { status, stdout, stderr } = simulate(out, ...args, '--json');
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

const readEvents = (folder) => readFileSync(join(folder, 'events.ndjson'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const readSchema = (folder) => JSON.parse(readFileSync(join(folder, 'schema.json'), 'utf8'));
const hash = (...paths) => paths.reduce((sum, path) => sum.update(readFileSync(path)), createHash('sha256')).digest('hex').slice(0, 16);

test('the same seed gives the same bytes, here and on every machine; another seed others', async () => {
  await withFolder((folder) => {
    for (const name of ['a', 'b']) simulated(join(folder, name), '--users', '30', '--seed', '7', '--strength', '0.5');
    simulated(join(folder, 'c'), '--users', '30', '--seed', '8', '--strength', '0.5');
    const [a, b, c] = ['a', 'b', 'c'].map((name) => hash(join(folder, name, 'schema.json'), join(folder, name, 'events.ndjson')));
    assert.equal(a, b);
    assert.notEqual(a, c);
    assert.equal(a, '9958cf3bf5d366ff');
  });
});

test('events are in the format: a schema that names them, users together, times never decreasing, the splits as told', async () => {
  await withFolder((folder) => {
    const told = simulated(folder, '--users', '200', '--events', '25', '--days', '14');
    const schema = readSchema(folder);
    const events = readEvents(folder);
    assert.deepEqual(readdirSync(folder).sort(), ['events.ndjson', 'schema.json']);
    assert.deepEqual(schema.labels, ['engage', 'like']);
    assert.deepEqual(schema.signals, []);
    assert.deepEqual(schema.simulated, { seed: 1, users: 200, events_per_user: 25, days: 14, strength: 1 });
    const names = Object.fromEntries(Object.entries(schema.features).map(([list, features]) => [list, features.map(({ name }) => name)]));
    const start = Date.UTC(2024, 0, 1);
    const day = 86400000;
    assert.deepEqual(schema.splits, { validation: start + 0.8 * 14 * day, test: start + 0.9 * 14 * day });
    const seen = new Set();
    let before = {};
    for (const event of events) {
      assert.deepEqual(Object.keys(event), ['user', 'time', 'item', 'action', 'context', 'label']);
      for (const list of ['item', 'action', 'context']) assert.deepEqual(Object.keys(event[list]), names[list]);
      assert.deepEqual(Object.keys(event.label), schema.labels);
      assert.deepEqual(event.action, event.label);
      assert.ok(event.item.topic >= 0 && event.item.topic < schema.features.item[0].size && event.item.id % 8 === event.item.topic);
      assert.ok(Number.isInteger(event.time) && event.time >= start && event.time < start + 14 * day);
      if (event.user === before.user) assert.ok(event.time >= before.time);
      else assert.ok(!seen.has(event.user) && seen.add(event.user));
      assert.equal(event.context.place > 0, event.user === before.user && event.time === before.time);
      before = event;
    }
    assert.deepEqual([told.events, told.users, told.events_file], [events.length, seen.size, join(folder, 'events.ndjson')]);
    assert.ok(Math.abs(events.length / 200 - 25) < 4);
    const bounds = [start, schema.splits.validation, schema.splits.test, Infinity];
    told.splits.forEach(({ split, events: n, tasks }, i) => {
      const inside = events.filter(({ time }) => time >= bounds[i] && time < bounds[i + 1]);
      assert.deepEqual([split, n], [['train', 'validation', 'test'][i], inside.length]);
      for (const { task, base_rate } of tasks)
        assert.ok(Math.abs(base_rate - inside.filter(({ label }) => label[task]).length / n) < 1e-12);
    });
  });
});

test('both forms hold the same events, and one replaces the other', async () => {
  await withFolder((folder) => {
    simulated(folder, '--users', '40');
    const events = readEvents(folder);
    const { status, stderr } = simulate(folder, '--users', '40', '--format=csv');
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(folder).sort(), ['events.csv', 'schema.json']);
    const [header, ...rows] = readFileSync(join(folder, 'events.csv'), 'utf8').trimEnd().split('\n').map((line) => line.split(','));
    assert.equal(rows.length, events.length);
    const cell = (event, name) => name.split('.').reduce((value, key) => value[key], event);
    rows.forEach((row, i) => assert.deepEqual(row, header.map((name) => String(cell(events[i], name)))));
  });
});

test('the truth predicts better than who does not see the time, and at strength 0 just as well', async () => {
  await withFolder((folder) => {
    const figures = (strength) => simulated(folder, '--users', '1000', '--strength', strength).splits.find(({ split }) => split === 'test').tasks;
    const [some, none] = [figures('1'), figures('0')];
    for (const { task, truth_ne, blind_ne } of some) assert.ok(truth_ne > 0.5 && truth_ne < blind_ne - 0.15 && blind_ne < 1, task);
    for (const { task, truth_ne, blind_ne } of none) assert.ok(truth_ne > 0.5 && truth_ne < 0.8 && Math.abs(truth_ne - blind_ne) < 1e-9, task);
    const table = simulate(folder, '--users', '1000', '--strength', '1').stdout;
    assert.match(table, /^train +engage +\d+ +0\.\d{4} +0\.\d{4} +-$/m);
    assert.ok(table.includes(some[0].truth_ne.toFixed(4)) && table.includes(some[0].blind_ne.toFixed(4)));
  });
});

test('wrong options are typed errors and write nothing', async () => {
  await withFolder((folder) => {
    const out = join(folder, 'new');
    const wrong = [
      [['--strength', '1.5'], 1, /from 0 to 1, found "1\.5" \[argument at --strength\]/],
      [['--strength', 'nan'], 1, /\[argument at --strength\]/],
      [['--strength', ''], 1, /\[argument at --strength\]/],
      [['--format', 'xml'], 1, /ndjson or csv, found "xml" \[argument at --format\]/],
      [['--events', '3000'], 1, /at most 100 a day.*\[argument at events_per_user\]/],
      [['--users', '0'], 2, /\[argument at --users\]/],
      [['--days', '1.5'], 2, /\[argument at --days\]/],
      [['--sed', '1'], 2, /did you mean --seed\?/],
    ];
    for (const [args, expected, pattern] of wrong) {
      const { status, stdout, stderr } = simulate(out, ...args);
      assert.equal(status, expected, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
      assert.ok(!existsSync(out));
    }
    assert.match(run(['simulate']).stderr, /must be given \[argument at --out\]/);
    assert.match(simulate(join(folder, 'a', 'b')).stderr, /could not be made.*\[io at .*b\]/);
    assert.match(simulate('x'.repeat(5000)).stderr, /\[limit at --out\]/);
  });
});

test("others' files are kept unless --force says otherwise", async () => {
  await withFolder((folder) => {
    const ours = join(folder, 'ours');
    simulated(ours, '--users', '5');
    for (const name of ['events.ndjson', 'events.csv', 'schema.json']) {
      const theirs = join(folder, name);
      mkdirSync(theirs);
      writeFileSync(join(theirs, name), '{"labels": ["a"]}\n');
      writeFileSync(join(theirs, 'notes'), 'kept');
      const { status, stderr } = simulate(theirs, '--users', '5');
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`no earlier simulation; --force replaces it \\[io at .*${name}\\]`));
      assert.deepEqual(readdirSync(theirs).sort(), [name, 'notes'].sort());
      assert.equal(readFileSync(join(theirs, name), 'utf8'), '{"labels": ["a"]}\n');
      simulated(theirs, '--users', '5', '--force');
      assert.deepEqual(readdirSync(theirs).sort(), ['events.ndjson', 'notes', 'schema.json']);
      assert.equal(hash(join(theirs, 'events.ndjson')), hash(join(ours, 'events.ndjson')));
      simulated(theirs, '--users', '6'); // now it is ours
    }
    assert.match(simulate(join(ours, 'schema.json')).stderr, /\[io at /); // a file where the folder should be
  });
});

test('a full disk is an IO error: no half file, and what was there still is', async () => {
  await withFolder((folder) => {
    const old = join(folder, 'old');
    simulated(old, '--users', '5');
    const before = hash(join(old, 'events.ndjson'), join(old, 'schema.json'));
    for (const out of [old, join(folder, 'new')]) {
      // A file-size limit stands for the disk; its signal is ignored, so that writing fails as on a full one.
      const script = 'trap "" XFSZ; ulimit -f 64; exec "$0" simulate --users 2000 --out "$1"';
      const { status, stdout, stderr } = spawnSync('sh', ['-c', script, program, out], { encoding: 'utf8' });
      assert.equal(status, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /could not be written: .* \[io at .*events\.ndjson\.part\]/);
    }
    assert.deepEqual(readdirSync(folder), ['old']);
    assert.deepEqual(readdirSync(old).sort(), ['events.ndjson', 'schema.json']);
    assert.equal(hash(join(old, 'events.ndjson'), join(old, 'schema.json')), before);
  });
});

// The most memory the process has held so far, in KiB, once its file has grown to this many bytes.
async function peakAt(child, path, bytes) {
  while (!existsSync(path) || statSync(path).size < bytes) {
    assert.equal(child.exitCode, null);
    await new Promise((go) => setTimeout(go, 5));
  }
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);
}

test('memory does not grow with the events', async () => {
  await withFolder(async (folder) => {
    const child = start(['simulate', '--users', '1000000', '--out', folder]);
    const ended = new Promise((go) => child.on('exit', go));
    try {
      const part = join(folder, 'events.ndjson.part');
      const first = await peakAt(child, part, 2e6);
      const grown = (await peakAt(child, part, 40e6)) - first;
      assert.ok(grown < 1024, `memory grew by ${grown} KiB`);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
});
