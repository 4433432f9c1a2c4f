// What `make rank` prints (examples/rank-feed) and the sample it ranks (demo/data): run as a newcomer runs them.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = (program, ...options) => spawnSync(process.execPath, [program, ...options], { cwd: root, encoding: 'utf8' });
const rank = (...options) => run('examples/rank-feed/rank.mjs', ...options);

test('the bundled model is the one its card describes', () => {
  const sum = createHash('sha256').update(readFileSync(`${root}models/kuairand-excerpt.safetensors`)).digest('hex');
  expect(readFileSync(`${root}models/kuairand-excerpt.md`, 'utf8')).toContain(sum);
});

test('the sample feed is what its generator writes', () => {
  const { stdout, status } = run('demo/data/make-sample-feed.mjs');
  expect(status).toBe(0);
  expect(stdout).toBe(readFileSync(`${root}demo/data/sample-feed.json`, 'utf8'));
});

test.each(['commuter', 'lunch-break', 'night-owl'])('%s: three whole orders, and the hour changes them', (user) => {
  const { stdout, stderr, status } = rank('--user', user, '--json');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const { times, model } = JSON.parse(stdout);
  expect(times.map(({ name }) => name)).toEqual(['morning', 'midday', 'night']);
  let before = new Map(times[0].items.map(({ id, place }) => [id, place]));
  for (const { items } of times) {
    for (const { id, place, moved } of items) expect(moved).toBe(before.get(id) - place); // up is positive
    before = new Map(items.map(({ id, place }) => [id, place]));
    expect(new Set(items.map(({ id }) => id)).size).toBe(18);
    for (const [i, { place, score, probabilities }] of items.entries()) {
      expect(place).toBe(i + 1);
      expect(score).toBeLessThanOrEqual(i === 0 ? Infinity : items[i - 1].score);
      expect(Object.keys(probabilities)).toEqual(model.tasks);
      expect(score).toBeCloseTo(Object.values(probabilities).reduce((a, b) => a + b, 0), 5);
    }
  }
  const orders = times.map(({ items }) => items.map(({ id }) => id).join());
  expect(new Set(orders).size).toBe(3);
});

test('the table fits 100 columns and has no colours when it is not a terminal', () => {
  const { stdout, status } = rank('--limit', '18');
  expect(status).toBe(0);
  expect(stdout).not.toContain('\x1b');
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(stdout.split('Night:')[1]).toMatch(/▲4 +Every group chat, ever/);
  expect(stdout).toMatch(/on one thread: (simd|relaxed) WebAssembly/);
});

test.each([['--user', 'nobody'], ['--limit', '0'], ['--build', 'fast'], ['--frob']])('%s %s is refused', (...options) => {
  const { stdout, stderr, status } = rank(...options);
  expect([stdout, status]).toEqual(['', 2]);
  expect(stderr).toMatch(/^rank: .*--help/);
});
