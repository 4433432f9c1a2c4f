// A session's promises: appending, batching, snapshots, the window. To the bit where the same path runs.
import { announceBuilds, builds, esm, feedModel, goldenIo, goldenModel, goldens, makeRequest } from './support.mjs';

const slice = (array, width, from, to) => array?.slice(from * width, to * width);

function eventsOf(io, { X, Y, G }, from, to) {
  return {
    item: slice(io['history.item'].data, X, from, to),
    action: slice(io['history.action'].data, Y, from, to),
    timestamp: slice(io['history.timestamp'].data, 1, from, to),
    signal: slice(io['history.signal']?.data, G, from, to),
  };
}

function candidatesOf(io, { X, Z, G }, from, to) {
  return {
    item: slice(io['candidate.item'].data, X, from, to),
    context: slice(io['candidate.context'].data, Z, from, to),
    signal: slice(io['candidate.signal']?.data, G, from, to),
    now: io.now.data[0],
  };
}

beforeAll(announceBuilds);

describe.each(builds)('%s', (build) => {
  describe.each(goldens)('%s', (folder) => {
    const io = goldenIo(folder);
    const c = io['history.timestamp'].data.length;
    const n = io['candidate.item'].shape[0];
    let model, sizes, whole, expected;
    beforeAll(async () => {
      model = await esm.loadModel(goldenModel(folder), { build });
      sizes = model.info.sizes;
      whole = model.createSession();
      whole.appendTensors(eventsOf(io, sizes, 0, c));
      expected = whole.scoreTensors(candidatesOf(io, sizes, 0, n));
    });
    afterAll(() => model.dispose());

    test('appending one by one, scoring in between, is appending all at once', () => {
      const session = model.createSession();
      for (let i = 0; i < c; i++) {
        session.appendTensors(eventsOf(io, sizes, i, i + 1));
        session.scoreTensors(candidatesOf(io, sizes, 0, 1));
      }
      expect(session.count).toBe(whole.count);
      const found = session.scoreTensors(candidatesOf(io, sizes, 0, n));
      found.forEach((x, i) => expect(Math.abs(x - expected[i])).toBeLessThan(1e-6));
      session.dispose();
    });

    test('a candidate’s logits do not depend on the others, to the bit', () => {
      for (let i = 0; i < n; i++) {
        const alone = whole.scoreTensors(candidatesOf(io, sizes, i, i + 1));
        expect(alone).toEqual(expected.slice(i * sizes.T, (i + 1) * sizes.T));
      }
      const twice = candidatesOf(io, sizes, 0, n);
      const double = (array) => array && Float32Array.from([...array, ...array]);
      const found = whole.scoreTensors({
        ...twice,
        item: double(twice.item),
        context: double(twice.context),
        signal: double(twice.signal),
      });
      expect(found.slice(0, n * sizes.T)).toEqual(expected);
      expect(found.slice(n * sizes.T)).toEqual(expected);
    });

    test('a restored snapshot scores the same to the bit, also after going on', () => {
      const half = Math.floor(c / 2);
      const first = model.createSession();
      first.appendTensors(eventsOf(io, sizes, 0, half));
      const restored = model.restoreSession(first.snapshot());
      expect(restored.count).toBe(half);
      for (const session of [first, restored]) session.appendTensors(eventsOf(io, sizes, half, c));
      const scores = first.scoreTensors(candidatesOf(io, sizes, 0, n));
      expect(restored.scoreTensors(candidatesOf(io, sizes, 0, n))).toEqual(scores);
      expect(model.restoreSession(whole.snapshot()).scoreTensors(candidatesOf(io, sizes, 0, n))).toEqual(expected);
    });

    test('clear forgets everything', () => {
      const session = model.createSession();
      session.appendTensors(eventsOf(io, sizes, 0, c));
      session.clear();
      expect(session.count).toBe(0);
      const cold = io['cold.logits'].data;
      session
        .scoreTensors(candidatesOf(io, sizes, 0, n))
        .forEach((x, i) => expect(Math.abs(x - cold[i])).toBeLessThan(2e-5));
      session.appendTensors(eventsOf(io, sizes, 0, c));
      expect(session.scoreTensors(candidatesOf(io, sizes, 0, n))).toEqual(expected);
    });
  });
});

test('snapshots move between the builds', async () => {
  const io = goldenIo('siren-small');
  const models = await Promise.all(builds.map((build) => esm.loadModel(goldenModel('siren-small'), { build })));
  const { sizes } = models[0].info;
  const bytes = models.map((model) => {
    const session = model.createSession();
    session.appendTensors(eventsOf(io, sizes, 0, 5));
    return session.snapshot();
  });
  for (const snapshot of bytes) expect(snapshot).toEqual(bytes[0]);
  for (const model of models) expect(model.restoreSession(bytes.at(-1)).count).toBe(5);
  models.forEach((model) => model.dispose());
});

describe('the window', () => {
  let model;
  beforeAll(async () => {
    model = await esm.loadModel(feedModel, { build: 'simd' });
  });
  afterAll(() => model.dispose());
  const { history, candidates, now } = makeRequest(9, 70, 10);

  test.each([
    [undefined, 50],
    [12, 12],
    [1, 1],
  ])('maxHistory %s keeps the newest %i', (maxHistory, kept) => {
    const session = model.createSession({ history, maxHistory });
    expect(session.count).toBe(kept);
    const newest = model.createSession({ history: history.slice(-kept), maxHistory });
    expect(session.rank(candidates, { now })).toEqual(newest.rank(candidates, { now }));
    const slowly = model.createSession({ maxHistory });
    for (const event of history) {
      slowly.append([event]);
      slowly.rank(candidates.slice(0, 1), { now });
    }
    slowly
      .rank(candidates, { now })
      .items.forEach(({ score }, i) => expect(score).toBeCloseTo(newest.rank(candidates, { now }).items[i].score, 5));
  });

  test('several sessions of one model do not disturb each other', () => {
    const a = model.createSession({ history: history.slice(0, 20) });
    const alone = a.rank(candidates, { now });
    const b = model.createSession({ history: history.slice(20) });
    b.rank(candidates, { now });
    expect(a.rank(candidates, { now })).toEqual(alone);
    b.dispose();
    expect(a.rank(candidates, { now })).toEqual(alone);
  });

  test('integer request names of tensors are those of named events', async () => {
    const requests = await esm.loadModel(goldenModel('siren-requests'), { build: 'simd' });
    const io = goldenIo('siren-requests');
    const { sizes } = requests.info;
    const names = [7, 7, 8, 9, 9, 9];
    const events = eventsOf(io, sizes, 0, 6);
    const score = (fill) => {
      const session = requests.createSession();
      fill(session);
      return session.scoreTensors(candidatesOf(io, sizes, 0, 3));
    };
    const expected = score((session) =>
      session.append(
        names.map((request, i) => ({
          time: events.timestamp[i] * 1000,
          request,
          item: slice(events.item, sizes.X, i, i + 1),
          action: slice(events.action, sizes.Y, i, i + 1),
        })),
      ),
    );
    expect(score((session) => session.appendTensors({ ...events, request: names }))).toEqual(expected);
    expect(score((session) => session.appendTensors({ ...events, request: Int32Array.from(names) }))).toEqual(expected);
    expect(
      score((session) => session.appendTensors({ ...events, request: BigInt64Array.from(names, BigInt) })),
    ).toEqual(expected);
    expect(score((session) => session.appendTensors(events))).not.toEqual(expected);
    requests.dispose();
  });
});
