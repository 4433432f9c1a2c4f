// The built package in every runtime it is meant for: Node 20, 22 and 24, Deno, Bun, headless Chromium. A runtime that
// is not there is a failure. Each runs check.mjs; here its numbers are held to the golden vectors and the native
// program.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { largestDifference } from '../js/parity.mjs';
import { feedModel, goldenIo, goldens, nativeRank, nativeScore, root } from '../js/support.mjs';
import { makeRequest, toLine } from '../js/requests.mjs';
import { runInChromium } from './browser.mjs';
import { seeds, train } from './check.mjs';

const folder = join(root, 'tests/runtimes');
const inPackage = (name, path) => join(folder, 'node_modules', name, path);
const machine = `${process.platform}-${process.arch}`;
const run = promisify(execFile);
const timeout = 240_000;

let scratch, expected;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'siren-rope-'));
  expected = {
    goldens: Object.fromEntries(goldens.map((name) => [name, { io: goldenIo(name), native: nativeScore(name) }])),
    feed: nativeRank(
      feedModel,
      seeds.map((seed) => toLine(makeRequest(seed, 20 * seed, 15))),
    ),
    training: await train('simd'), // which tests/js/train.test.mjs holds to the native program
  };
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function runProgram(program, args) {
  const { stdout } = await run(program, [...args, 'run.mjs', ...goldens], {
    cwd: folder,
    maxBuffer: 1 << 28,
    timeout,
    env: { PATH: process.env.PATH, HOME: scratch, DENO_DIR: join(scratch, 'deno') },
  });
  return JSON.parse(stdout);
}

const node = (version) => inPackage(`node-${version}`, 'bin/node');
const runtimes = {
  'Node 20': { relaxed: false, run: () => runProgram(node(20), []) },
  'Node 22': { relaxed: true, run: () => runProgram(node(22), []) },
  'Node 24': { relaxed: true, run: () => runProgram(node(24), []) },
  Deno: {
    relaxed: true,
    run: () => runProgram(inPackage(`@deno/${machine}-glibc`, 'deno'), ['run', '--allow-read', '--no-config']),
  },
  Bun: { relaxed: true, run: () => runProgram(inPackage(`@oven/bun-${machine}`, 'bin/bun'), ['run']) },
  Chromium: { relaxed: true, run: () => runInChromium(goldens, timeout), network: true },
};

describe.each(Object.keys(runtimes))('%s', (name) => {
  const { relaxed, network } = runtimes[name];
  let found;
  beforeAll(async () => {
    found = await runtimes[name].run();
    if (found.error) throw new Error(found.error);
  }, timeout);

  test('picks the build that it has', () => {
    expect(found.auto).toBe(relaxed ? 'relaxed' : 'simd');
    expect(found.autoTraining).toBe(found.auto);
    if (!relaxed) expect(found.builds.relaxed).toEqual({ error: 'unsupported' });
  });

  test('gives typed errors', () => {
    expect(found.missing).toBe(network ? 'network' : 'io');
    expect(found.missingInPool).toBe(found.missing);
    expect([found.damaged, found.disposed, found.noWorker]).toEqual(['format', 'disposed', 'worker']);
  });

  test('simd is the native scalar program to the bit', () => {
    for (const folder of goldens)
      for (const [key, values] of Object.entries(found.builds.simd.goldens[folder]))
        expect(Float32Array.from(values)).toEqual(
          expected.goldens[folder].native[key === 'angle' ? 'rank.angle' : `${key}.logits`].data,
        );
    found.builds.simd.feed.forEach((items, i) =>
      expect(items).toEqual(
        expected.feed[i].ranked.map(({ index, score, probabilities }) => ({
          index,
          score,
          probabilities: Object.fromEntries(Object.entries(probabilities).map(([task, p]) => [task, Math.fround(p)])),
        })),
      ),
    );
  });

  test.each(relaxed ? ['simd', 'relaxed'] : ['simd'])('%s is within 2e-5 of the golden vectors', (build) => {
    for (const folder of goldens) {
      const { io } = expected.goldens[folder];
      const values = found.builds[build].goldens[folder];
      for (const key of ['rank', 'sequence', 'cold'])
        expect(largestDifference(values[key], io[`${key}.logits`].data)).toBeLessThan(2e-5);
      if (io['rank.angle']) expect(largestDifference(values.angle, io['rank.angle'].data)).toBeLessThan(2e-5);
    }
    found.builds[build].feed.forEach((items, i) => {
      const scores = new Map(expected.feed[i].ranked.map(({ index, score }) => [index, score]));
      for (const { index, score } of items) expect(score).toBeCloseTo(scores.get(index), 5);
    });
  });

  test.each(relaxed ? ['simd', 'relaxed'] : ['simd'])('%s gives the same bits in a pool of two workers', (build) => {
    expect(found.builds[build].pool).toHaveLength(seeds.length);
    expect(found.builds[build].pool).toEqual(found.builds[build].feed);
  });

  test('trains, simd to the bit', () => {
    expect(found.builds.simd.training).toEqual(expected.training);
  });

  // Fused multiply-adds round otherwise, and over steps that grows: by the tenth a loss is off by some 1e-6.
  if (relaxed)
    test('trains, relaxed close to simd', () => {
      const { events, orderScale } = found.builds.relaxed.training;
      const losses = (list) => list.filter(({ kind }) => kind === 'step').map(({ loss }) => loss);
      expect(losses(events).length).toBe(losses(expected.training.events).length);
      losses(events)
        .slice(0, 10)
        .forEach((loss, i) => expect(loss).toBeCloseTo(losses(expected.training.events)[i], 4));
      expect(orderScale).toBe(events.findLast(({ kind }) => kind === 'step').orderScale);
    });
});

test(
  'promises hold in the relaxed build: the golden, session and training suites in Node 24',
  async () => {
    const out = join(scratch, 'jest.json');
    const args = [
      '--experimental-vm-modules',
      '--expose-gc',
      join(root, 'node_modules/jest/bin/jest.js'),
      '--json',
      `--outputFile=${out}`,
      'tests/js/golden',
      'tests/js/session',
      'tests/js/train',
    ];
    await run(node(24), args, { cwd: root, maxBuffer: 1 << 28, timeout });
    const results = JSON.parse(readFileSync(out, 'utf8'));
    const titles = results.testResults.flatMap(({ assertionResults }) =>
      assertionResults.map(({ fullName }) => fullName),
    );
    expect(results.numFailedTests).toBe(0);
    expect(titles.filter((title) => title.startsWith('relaxed')).length).toBeGreaterThan(60);
  },
  timeout,
);
