// The program's face: help, versions, wrong command lines, inspect and angles.
import assert from 'node:assert/strict';
import { openSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, model, program, readTensors, root, run } from './program.mjs';

const options = {
  rank: ['--model', '--weights', '--limit', '--explain', '--sort-history', '--strict', '--max-candidates', '--max-events', '--max-line-bytes', '--threads', '--isa'],
  score: ['--model', '--io', '--out', '--threads', '--isa'],
  eval: ['--model', '--data', '--split', '--cache', '--json', '--threads', '--isa'],
  simulate: ['--out', '--users', '--events', '--days', '--strength', '--seed', '--format', '--force', '--json'],
  inspect: ['MODEL', '--json', '--isa'],
  bench: ['rank', 'train'],
  'bench rank': ['--model', '--io', '--row', '--runs', '--warm-up', '--out', '--json', '--threads', '--isa'],
  'bench train': ['--data', '--recipe', '--threads', '--epochs', '--cache', '--json', '--isa'],
  quantize: ['IN', 'OUT', '--weights', '--json'],
  angles: ['--model', '--from', '--to', '--step', '--network', '--signal', '--utc-offset', '--json', '--isa'],
};

test('help of the program and of every command goes to standard output, names every option, fits 120 columns', () => {
  const all = run(['--help']);
  assert.equal(all.status, 0);
  for (const [command, names] of Object.entries(options)) {
    const words = command.split(' ');
    assert.match(all.stdout, new RegExp(`^  ${words[0]} `, 'm'));
    const { status, stdout, stderr } = run([...words, '--help']);
    assert.equal(status, 0);
    assert.equal(stderr, '');
    for (const name of names) assert.ok(stdout.includes(name), `${command} --help does not name ${name}`);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 120, line);
  }
});

test('the version is that of the public header', () => {
  const header = readFileSync(join(root, 'src/include/sirenrope/sirenrope.h'), 'utf8');
  const [, version] = /SROPE_VERSION "(.*?)"/.exec(header);
  assert.equal(run(['--version']).stdout, `siren-rope ${version}\n`);
});

test('wrong command lines: status 2, a message that helps, no colours off a terminal, nothing on standard output', () => {
  const wrong = [
    [[], /usage:/],
    [['rnak'], /did you mean rank\?/],
    [['frobnicate'], /no such command \[argument at frobnicate\]/],
    [['rank', '--modle', 'x'], /did you mean --model\?/],
    [['rank', '--model'], /a value after it \[argument at --model\]/],
    [['rank'], /must be given \[argument at --model\]/],
    [['rank', '--model', model, '--limit', 'many'], /whole number from 0 to \d+, found "many" \[argument at --limit\]/],
    [['rank', '--model', model, '--limit=-1'], /\[argument at --limit\]/],
    [['rank', '--model', model, '--max-line-bytes', '99999999999999999999'], /\[argument at --max-line-bytes\]/],
    [['rank', '--model', model, '--strict=yes'], /takes no value/],
    [['rank', '--model', model, 'extra'], /one argument too many/],
    [['inspect'], /must be given \[argument at MODEL\]/],
    [['quantize', model], /must be given \[argument at OUT\]/],
    [['quantize', model, 'a', 'b'], /one argument too many \[argument at b\]/],
  ];
  for (const [args, pattern] of wrong) {
    const { status, stdout, stderr } = run(args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, pattern);
    assert.ok(!stderr.includes('\x1b'));
  }
});

test('files that are no models: status 1 and a typed error with the path', () => {
  for (const [path, pattern] of [[join(root, 'none'), /\[io at .*none\]/], [root, /\[io at /], [join(root, 'CMakeLists.txt'), /\[(format|limit) at .*CMakeLists\.txt/], [golden('siren-small', 'io'), /\[config at /]]) {
    const { status, stdout, stderr } = run(['inspect', path]);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, pattern);
  }
});

test('output that cannot be written is a failure', () => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(program, ['--help'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /\[io at standard output\]/);
});

test('inspect counts what is in the file', () => {
  const { status, stdout } = run(['inspect', model, '--json']);
  assert.equal(status, 0);
  const told = JSON.parse(stdout);
  const tensors = readTensors(model);
  const count = ({ shape }) => shape.reduce((n, size) => n * size, 1);
  assert.equal(told.parameters, Object.values(tensors).reduce((n, tensor) => n + count(tensor), 0));
  assert.deepEqual(new Map(told.tensors.map(({ name, dtype, shape }) => [name, [dtype, shape]])),
    new Map(Object.entries(tensors).map(([name, { dtype, shape }]) => [name, [dtype, shape]])));
  assert.deepEqual(told.config.labels, ['click', 'long_view', 'like', 'profile_enter']);
  assert.equal(told.config.max_history, 50);
  const table = run(['inspect', model]);
  assert.equal(table.status, 0);
  const n = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0);
  for (const text of [`${n} parameters`, told.hash, ...Object.keys(tensors)]) assert.ok(table.stdout.includes(text), text);
});

test('angles agree with the network computed here', () => {
  const t = readTensors(model);
  const linear = (name, x) => t[`${name}.bias`].data.map((b, i) => x.reduce((sum, xj, j) => sum + t[`${name}.weight`].data[i * x.length + j] * xj, b));
  const angle = (network, timeS) => {
    const phase = (seconds) => 2 * Math.PI * ((timeS / seconds) % 1);
    const features = [Math.cos(phase(86400)), Math.sin(phase(86400)), Math.cos(phase(604800)), Math.sin(phase(604800)), (timeS - 1651300000) / 1000000];
    let [sine, relu] = [features, features];
    for (const i of [0, 1, 2]) sine = linear(`${network}.net.${i}.linear`, sine).map((x) => Math.sin(10 * x));
    for (const i of [0, 2, 4]) relu = linear(`${network}.residual.${i}`, relu).map((x) => Math.max(x, 0));
    const [a, b] = [linear(`${network}.net.3`, sine), linear(`${network}.residual.6`, relu)];
    return a.map((x, i) => (x + b[i]) * t['rope.freq'].data[i]);
  };
  for (const [name, network] of [['layers', 'angle_nn'], ['action', 'action_angle_nn']]) {
    const args = ['angles', '--model', model, '--from', '2022-05-01T06:30:00Z', '--to', '1651536000000', '--step', '90m', '--network', name];
    const { status, stdout } = run([...args, '--json']);
    assert.equal(status, 0);
    const { rows } = JSON.parse(stdout);
    assert.equal(rows.length, 28);
    rows.forEach(({ time, angle: found }, i) => {
      assert.equal(time, Date.UTC(2022, 4, 1, 6, 30) + i * 5400000);
      angle(network, time / 1000).forEach((x, j) => assert.ok(Math.abs(x - found[j]) < 1e-4, `${x} ${found[j]}`));
    });
    const table = run(args).stdout.trim().split('\n');
    assert.equal(table.length, 29);
    const cells = table[3].split(/\s+/);
    assert.equal(cells[0], '2022-05-01T09:30:00Z');
    rows[2].angle.forEach((x, j) => assert.ok(Math.abs(Number(cells[j + 1]) - x) < 1e-6));
    assert.equal(new Set(table.map((line) => line.length)).size, 1, 'columns line up');
  }
});

test('wrong spans are typed errors, and none is endless', () => {
  const span = (from, to, step) => run(['angles', '--model', model, '--from', from, '--to', to, '--step', step]);
  for (const [args, pattern] of [
    [['2022-13-01', '2022-12-01', '1h'], /\[time at --from\]/],
    [['2022-12-01', '2022-11-01', '1h'], /\[argument at --to\]/],
    [['2022-12-01', '2022-12-02', '1x'], /\[argument at --step\]/],
    [['2022-12-01', '2022-12-02', '0s'], /\[argument at --step\]/],
    [['2022-12-01', '2022-12-02', '-1h'], /\[argument at --step\]/],
    [['0', '1e300', '1s'], /\[(limit|time|argument) at /],
    [['1970-01-01', '2022-12-02', '0.001'], /\[limit at --step\]/],
  ]) {
    const { status, stderr } = span(...args);
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, pattern);
  }
  const signals = (text, folder = 'siren-semantic') => run(['angles', '--model', golden(folder, 'model'), '--from', '0', '--to', '0', '--step', '1s', '--json', '--signal', text]);
  assert.match(signals('1').stderr, /\[argument at --signal\]/);
  assert.match(signals('1,2,3').stderr, /\[argument at --signal\]/);
  assert.notEqual(signals('1,0').stdout, signals('0,1').stdout);
});
