// Named values through the package: equal to the command line on the same sessions, and what `rank`'s options do.
import { builds, esm, failure, feedModel, goldenIo, goldenModel, makeRequest, nativeRank, toLine } from './support.mjs';

const sizes = [
  [0, 5],
  [1, 1],
  [7, 20],
  [50, 30],
  [80, 10],
  [3, 0],
];
const requests = sizes.map(([c, n], i) => makeRequest(i + 1, c, n));

let model;
beforeAll(async () => {
  model = await esm.loadModel(feedModel, { build: 'simd' });
});
afterAll(() => model.dispose());

function rank({ history, candidates, now, utcOffsetMinutes }, options = {}) {
  const session = model.createSession({ history, utcOffsetMinutes });
  const { items } = session.rank(candidates, { now, ...options });
  session.dispose();
  return items;
}

const plain = (items) => items.map(({ index, score, probabilities }) => ({ index, score, probabilities }));
const fromLine = ({ ranked, error }) => {
  if (!ranked) throw new Error(JSON.stringify(error));
  const round = (p) => Object.fromEntries(Object.entries(p).map(([task, x]) => [task, Math.fround(x)]));
  return ranked.map(({ index, score, probabilities }) => ({ index, score, probabilities: round(probabilities) }));
};

test('is the command line to the bit', () => {
  const answers = nativeRank(feedModel, requests.map(toLine));
  requests.forEach((request, i) => expect(plain(rank(request))).toEqual(fromLine(answers[i])));
  expect(answers[3].ranked).toHaveLength(30);
});

test('weights and limit are those of the command line', () => {
  const answers = nativeRank(feedModel, requests.map(toLine), ['--weights', 'like=2.5,long_view=-0.5', '--limit', '4']);
  requests.forEach((request, i) =>
    expect(plain(rank(request, { weights: { like: 2.5, long_view: -0.5 }, limit: 4 }))).toEqual(fromLine(answers[i])),
  );
});

test.each(builds)('%s gives probabilities close to the command line', async (build) => {
  const other = await esm.loadModel(feedModel, { build });
  const session = other.createSession({ history: requests[3].history, utcOffsetMinutes: 480 });
  const { items } = session.rank(requests[3].candidates, { now: requests[3].now });
  const [answer] = nativeRank(feedModel, [toLine(requests[3])]);
  const byIndex = new Map(answer.ranked.map((r) => [r.index, r]));
  for (const { index, probabilities } of items)
    for (const [task, p] of Object.entries(probabilities))
      expect(p).toBeCloseTo(byIndex.get(index).probabilities[task], 5);
  other.dispose();
});

test('items are the caller’s own objects, best first', () => {
  const items = rank(requests[2]);
  for (const { item, index } of items) expect(item).toBe(requests[2].candidates[index]);
  const scores = items.map(({ score }) => score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
});

test('ties keep the order of the request', () => {
  const same = Array.from({ length: 9 }, () => requests[2].candidates[0]);
  expect(rank({ ...requests[2], candidates: same }).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('numbers, dates and ISO text are the same time', () => {
  const { now } = requests[3];
  const expected = plain(rank(requests[3]));
  expect(plain(rank({ ...requests[3], now: new Date(now) }))).toEqual(expected);
  expect(plain(rank({ ...requests[3], now: new Date(now).toISOString() }))).toEqual(expected);
  expect(plain(rank({ ...requests[3], now: now + 9 * 3600e3 }))).not.toEqual(expected);
});

test('now is the present when it is not given', () => {
  const before = Date.now();
  const items = rank({ ...requests[3], now: undefined });
  const after = Date.now();
  const [low, high] = [before, after].map((now) => rank({ ...requests[3], now })[0].score);
  expect(items[0].score).toBeGreaterThanOrEqual(Math.min(low, high) - 1e-6);
  expect(items[0].score).toBeLessThanOrEqual(Math.max(low, high) + 1e-6);
});

test('the UTC offset of a request overrides the session’s', () => {
  const utc = plain(rank({ ...requests[3], utcOffsetMinutes: 0 }));
  expect(utc).not.toEqual(plain(rank(requests[3])));
  expect(plain(rank({ ...requests[3], history: [], utcOffsetMinutes: 0 }))).toEqual(
    plain(rank({ ...requests[3], history: [] }, { utcOffsetMinutes: 0 })),
  );
});

test('raw lists and typed arrays are the typed-array path, and so are signals by name', async () => {
  const io = goldenIo('siren-semantic');
  const semantic = await esm.loadModel(goldenModel('siren-semantic'), { build: 'simd' });
  const { X, Y, Z, G, T } = semantic.info.sizes;
  const row = (name, i, width) => io[name].data.subarray(i * width, (i + 1) * width);
  const signals = (row) => ({ s1: row[1], s0: row[0] });
  const history = Array.from(io['history.timestamp'].data, (time, i) => ({
    time: time * 1000,
    item: row('history.item', i, X),
    action: Array.from(row('history.action', i, Y)),
    signal: i % 2 ? row('history.signal', i, G) : signals(row('history.signal', i, G)),
  }));
  const n = io['candidate.item'].shape[0];
  const candidates = Array.from({ length: n }, (_, i) => ({
    item: row('candidate.item', i, X),
    context: row('candidate.context', i, Z),
    signal: signals(row('candidate.signal', i, G)),
  }));
  const now = io['now'].data[0];
  const { items } = semantic.createSession({ history }).rank(candidates, { now: now * 1000 });
  for (const { index, probabilities } of items)
    semantic.info.tasks.forEach((task, t) =>
      expect(probabilities[task]).toBeCloseTo(1 / (1 + Math.exp(-io['rank.logits'].data[index * T + t])), 5),
    );
  semantic.dispose();
});

test('explain tells every event’s influence, which is leave-one-out', () => {
  const request = {
    ...requests[2],
    history: requests[2].history.map(({ request: _, ...event }, i) => ({ ...event, time: 1651300000000 + i * 1e6 })),
  };
  const scores = (items) => new Map(items.map(({ index, score }) => [index, score]));
  const items = rank(request, { explain: true, limit: 3 });
  expect(items).toHaveLength(3);
  const c = request.history.length;
  for (const left of [0, c - 1]) {
    const without = scores(rank({ ...request, history: request.history.filter((_, i) => i !== left) }));
    for (const { index, score, explanation } of items) {
      expect(explanation.events).toHaveLength(c);
      const { influence } = explanation.events.find(({ index: event }) => event === left);
      expect(influence).toBeCloseTo(score - without.get(index), 6);
    }
  }
  const strengths = items[0].explanation.events.map(({ influence }) => Math.abs(influence));
  expect(strengths).toEqual([...strengths].sort((a, b) => b - a));
  expect(rank(request)[0].explanation).toBeUndefined();
});

test('explanations are those of the command line, which names the five strongest events', () => {
  const few = requests.slice(0, 3);
  const answers = nativeRank(feedModel, few.map(toLine), ['--explain']);
  few.forEach((request, i) => {
    const strongest = rank(request, { explain: true }).map(({ explanation: { timeless, events } }) => ({
      timeless,
      events: events.slice(0, 5),
    }));
    expect(strongest).toEqual(answers[i].ranked.map(({ explanation }) => explanation));
  });
});

test('strict refuses names that the model does not know, and only strict does', () => {
  const session = model.createSession({ strict: true });
  expect(failure(() => session.rank([{ item: { video_id: 1, colour: 2 } }]))).toMatchObject({
    code: 'feature',
    where: 'candidates[0].item.colour',
  });
  expect(failure(() => session.append([{ time: 0, item: {}, action: { clicked: 1 } }]))).toMatchObject({
    code: 'feature',
    where: 'history[0].action.clicked',
  });
  expect(session.rank([{ item: { video_id: 1 }, title: 'mine' }]).items).toHaveLength(1);
  session.dispose();
});

test('angles at given times, shared by the native program', async () => {
  const times = [1651300000000, '2022-05-01T12:00:00Z', new Date('2022-05-02T00:00:00Z')];
  const { P } = model.info.sizes;
  for (const network of ['layers', 'action']) {
    const angles = model.angles(times, { network });
    expect(angles).toHaveLength(3 * P);
    expect(Array.from(angles).every(Number.isFinite)).toBe(true);
  }
  expect(model.angles(times)).toEqual(model.angles(times, { network: 'layers' }));
  expect(model.angles(times)).not.toEqual(model.angles(times, { network: 'action' }));
  expect(model.angles(times)).not.toEqual(model.angles(times, { utcOffsetMinutes: 300 }));
  expect(model.angles(Float64Array.of(1651300000000))).toEqual(model.angles(times).slice(0, P));
  expect(model.info.ordinal_frequencies).toHaveLength(P);
});
