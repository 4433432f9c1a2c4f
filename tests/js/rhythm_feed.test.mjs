// demo/data/rhythm-feed.json: the package ranks it with models/planted-rhythm, the hour changes the order the way that was
// planted, and the simulator and the generator write it again.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel } from '../../dist/index.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}demo/data/rhythm-feed.json`, 'utf8');
const feed = JSON.parse(text);
const program = process.env.SIREN_ROPE ?? `${root}build/siren-rope`;

let model;
beforeAll(async () => {
  model = await loadModel(root + feed.model);
});
afterAll(() => model.dispose());

/** Items in order at each time. */
function rankAtTimes({ history, candidates }) {
  const session = model.createSession({ history });
  const orders = feed.times.map(({ now }) => session.rank(candidates, { now }).items.map(({ item }) => item));
  session.dispose();
  return orders;
}

test('a feed of at most 25 KB, with all topics and no title twice', () => {
  expect(text.length).toBeLessThanOrEqual(25000);
  expect(feed.times.map(({ name }) => name)).toEqual(['morning', 'midday', 'night']);
  expect(feed.users).toHaveLength(2);
  for (const { id, history, candidates } of feed.users) {
    expect(Number(id.replace('user-', ''))).toBeGreaterThanOrEqual(6000); // those below were trained on
    expect([history.length, candidates.length]).toEqual([40, 12]);
    expect(Date.parse(history.at(-1).time)).toBeLessThan(Date.parse(feed.times[0].now));
    expect(new Set(candidates.map(({ item }) => item.topic)).size).toBe(8);
    expect(new Set(candidates.map(({ item }) => item.title)).size).toBe(12);
    for (const { item } of [...history, ...candidates]) expect(item.topic).toBe(item.id % 8);
  }
});

test.each(feed.users)('$id: another order at every time, and what is said to be liked then comes first', (user) => {
  const orders = rankAtTimes(user);
  expect(new Set(orders.map((order) => order.map(({ id }) => id).join())).size).toBe(3);
  expect(new Set(orders.map(([first]) => first.item.topic)).size).toBe(3);
  const peaks = [...user.about.matchAll(/(\w+) and (\w+) around (\d\d):00/g)].map(([, one, other, hour]) => ({ names: [one, other], hour: Number(hour) }));
  expect(peaks).toHaveLength(4);
  orders.forEach(([{ item }], i) => {
    const { hour } = peaks.find(({ names }) => names.includes(item.name));
    const apart = Math.abs(new Date(feed.times[i].now).getUTCHours() - hour);
    expect(Math.min(apart, 24 - apart)).toBeLessThanOrEqual(4);
  });
});

(existsSync(program) ? test : test.skip)('the simulator and the generator write the same bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'siren-rope-feed-'));
  const run = (...command) => {
    const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    return stdout;
  };
  try {
    run(program, 'simulate', '--out', join(folder, 'events'), '--users', '7500', '--json');
    expect(run(process.execPath, `${root}demo/data/make-rhythm-feed.mjs`, join(folder, 'events'))).toBe(text);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
