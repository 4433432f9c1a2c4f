// The page's rotation.ts: its angles are those of the definition and of the package, and its kernel is what the package's
// attention makes of them.
import { loadPage, randomFrom, times } from './page_support.mjs';
import { esm } from './support.mjs';

const { inverseFrequencies, wholeAngles, ordinalAngles, toropeAngles, attentionKernel, wrapAngle, degrees } = await loadPage('demo/src/maths/rotation.ts');
const { writeTensors } = await loadPage('demo/src/weights/safetensors.ts');

const DAY = 86_400_000;

describe('the definition', () => {
  const random = randomFrom(1);

  test.each([1, 2, 5, 16, 64])('P = %i: every angle, written out', (pairs) => {
    const n = 7;
    const [base, orderScale, timeScale] = [random.between(2, 1e5), random.normal(), random.between(0, 1)];
    const width = 2 * pairs; // K
    const timePart = Float64Array.from({ length: n * pairs }, random.normal);
    const places = Float64Array.from({ length: n }, () => random.between(-50, 50));
    const days = Float64Array.from({ length: n }, () => random.between(-50, 50));
    const inv = inverseFrequencies(pairs, base);
    const learned = wholeAngles(timePart, places, inv, orderScale);
    const ordinal = ordinalAngles(places, inv);
    const torope = toropeAngles(places, days, inv, timeScale);
    expect([inv.length, learned.length, ordinal.length, torope.length]).toEqual([pairs, n * pairs, n * pairs, n * pairs]);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < pairs; j++) {
        const perPlace = Math.exp((-2 * j * Math.log(base)) / width); // base^(-2j/K)
        const at = i * pairs + j;
        expect(inv[j]).toBeCloseTo(perPlace, 12);
        expect(learned[at]).toBeCloseTo(timePart[at] - places[i] * perPlace * orderScale, 10);
        expect(ordinal[at]).toBeCloseTo(-places[i] * perPlace, 10);
        expect(torope[at]).toBeCloseTo(-(places[i] + timeScale * days[i]) * perPlace, 10);
      }
  });

  test('the kernel: 1 at no distance, even, within ±1, and a function of distance where the rotation is ordinal', () => {
    for (let round = 0; round < 50; round++) {
      const pairs = random.whole(1, 20);
      const n = random.whole(1, 12);
      const query = Float64Array.from({ length: pairs }, () => 20 * random.normal());
      const keys = Float64Array.from({ length: n * pairs }, () => 20 * random.normal());
      const kernel = attentionKernel(query, keys);
      expect(kernel.length).toBe(n);
      expect(attentionKernel(query, query)[0]).toBe(1);
      kernel.forEach((value, i) => {
        expect(Math.abs(value)).toBeLessThanOrEqual(1);
        const key = keys.slice(i * pairs, (i + 1) * pairs);
        expect(attentionKernel(key, query)[0]).toBeCloseTo(value, 12);
        expect(times(pairs, (j) => Math.cos(query[j] - key[j])).reduce((a, b) => a + b) / pairs).toBeCloseTo(value, 12);
      });
      const inv = inverseFrequencies(pairs, 1e5);
      const [from, gap] = [random.between(0, 100), random.between(0, 100)];
      const [a, b] = [from, 0].map((start) => ordinalAngles(Float64Array.of(start, start + gap), inv));
      const of = (angles) => attentionKernel(angles.subarray(0, pairs), angles.subarray(pairs))[0];
      expect(of(a)).toBeCloseTo(of(b), 10);
    }
  });

  test('wrapAngle keeps the direction and is the nearest to nought; degrees are linear', () => {
    for (let round = 0; round < 2000; round++) {
      const angle = random.between(-1, 1) * 10 ** random.between(-3, 4);
      const wrapped = wrapAngle(angle);
      expect(Math.abs(wrapped)).toBeLessThanOrEqual(Math.PI + 1e-12);
      expect(Math.hypot(Math.cos(wrapped) - Math.cos(angle), Math.sin(wrapped) - Math.sin(angle))).toBeLessThan(1e-11);
      expect(wrapAngle(wrapped)).toBe(wrapped);
      expect(wrapAngle(angle + 2 * Math.PI * random.whole(-5, 5))).toBeCloseTo(wrapped, 9);
      expect(degrees(angle) / 180).toBeCloseTo(angle / Math.PI, 9);
    }
    expect([0, Math.PI / 2, Math.PI, -2 * Math.PI].map(degrees)).toEqual([0, 90, 180, -360]);
  });
});

/* ---------------------------------------------------------------- a model whose logits are its attention's weights */

const tensor = (shape, value) => {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i));
  return { dtype: 'F32', shape, bytes: new Uint8Array(data.buffer) };
};
const zeros = (...shape) => tensor(shape, () => 0);
/** The (rows, columns) matrix with `value` on its diagonal. */
const diagonal = (rows, columns, value) => tensor([rows, columns], (i) => (i % columns === Math.floor(i / columns) ? value : 0));

/** sin(ω0 · (W h + b)) twice and ReLU twice, then their linears: two small branches of random weights. */
function angleNetwork(name, random, F, A) {
  const hidden = 6;
  const any = (...shape) => tensor(shape, () => 0.7 * random.normal());
  return [
    [`${name}.net.0.linear.weight`, tensor([hidden, F], () => 0.1 * random.normal())], [`${name}.net.0.linear.bias`, any(hidden)],
    [`${name}.net.1.linear.weight`, tensor([hidden, hidden], () => 0.1 * random.normal())], [`${name}.net.1.linear.bias`, any(hidden)],
    [`${name}.net.2.weight`, any(A, hidden)], [`${name}.net.2.bias`, any(A)],
    [`${name}.residual.0.weight`, any(hidden, F)], [`${name}.residual.0.bias`, any(hidden)],
    [`${name}.residual.2.weight`, any(A, hidden)], [`${name}.residual.2.bias`, any(A)],
  ];
}

const FEATURES = ['cos_day', 'sin_day', 'cos_week', 'sin_week', 'trend']; // without `order`, which differs between query and key

/*
 * Equal content: seq_norm's gain is 0, so x is its bias, c, for every event; the layer's W_o and its feed-forward's last linear
 * are 0, so that x stays c. Of the action attention W_q = W_k = 1, so q = k = c before the rotation, and c has the length r in
 * every pair: |q|² = P · r².
 * Values: event i's action is the unit vector i of D, and a = its embedding = that unit vector to the bit: W0 = 64, and
 * SiLU(64) = 64 and SiLU(0) = 0 in float32, as 1/(1 + e^-64) rounds to 1. So u = the attention's weights, event by event.
 * The head multiplies u with 2^20, where SiLU is the identity for the same reason: logits = 2^20 · weights, to the bit.
 */
const HEAD = 2 ** 20;
function weighingModel({ variant, pairs, A, seed }) {
  const random = randomFrom(seed);
  const D = 2 * pairs;
  const r = random.between(0.8, 1.6);
  const turns = times(pairs, () => random.between(0, 2 * Math.PI));
  const content = tensor([D], (i) => r * (i % 2 ? Math.sin : Math.cos)(turns[i >> 1]));
  const one = diagonal(D, D, 1);
  const vector = zeros(D);
  const attention = (name, q, v, o) => [
    [`${name}.W_q.weight`, q], [`${name}.W_k.weight`, q], [`${name}.W_v.weight`, v], [`${name}.W_o.weight`, o], [`${name}.padding_embedding`, vector],
  ];
  const rotation = variant === 'siren'
    ? [
        ['rope.freq', tensor([A], () => random.between(0.5, 4))],
        ['rope.order_scale', tensor([], () => random.between(0.3, 2))],
        ...angleNetwork('angle_nn', random, FEATURES.length, A),
        ...angleNetwork('action_angle_nn', random, FEATURES.length, A),
      ]
    : [];
  const layer = 'transformer_layers.0';
  const tensors = new Map([
    ...rotation,
    ['seq_projection.0.weight', tensor([D, 1], random.normal)], ['seq_projection.0.bias', vector],
    ['seq_norm.weight', vector], ['seq_norm.bias', content],
    ['action_embedding.0.weight', diagonal(D, D, 64)], ['action_embedding.0.bias', vector],
    ['action_embedding.2.weight', one], ['action_embedding.2.bias', vector],
    ['action_embedding.4.weight', diagonal(D, D, 1 / 64)], ['action_embedding.4.bias', vector],
    ...attention(`${layer}.mha`, one, one, zeros(D, D)),
    ...['prenorm_1', 'prenorm_2'].flatMap((name) => [[`${layer}.${name}.weight`, tensor([D], () => 1)], [`${layer}.${name}.bias`, vector]]),
    [`${layer}.ffwd.0.weight`, tensor([3, D], random.normal)], [`${layer}.ffwd.0.bias`, zeros(3)],
    [`${layer}.ffwd.2.weight`, zeros(D, 3)], [`${layer}.ffwd.2.bias`, vector],
    ...attention('action_attention', one, one, one),
    ['head.0.weight', tensor([D, 2 * D], (i) => (i % (2 * D) === D + Math.floor(i / (2 * D)) ? HEAD : 0))], ['head.0.bias', vector],
    ['head.2.weight', one], ['head.2.bias', vector],
    ['head.4.weight', one], ['head.4.bias', vector],
  ]);
  const config = {
    variant,
    num_heads: 1,
    labels: times(D, (i) => `event_${i}`),
    attn_scale: 2.5 / (pairs * r * r), // weights from e^-2.5 to e^2.5 of one another's
    max_history: 2 * D,
    ...(variant === 'siren' && { angle_features: FEATURES, trend_center: 1.7e9, trend_scale: 1e6 }),
    ...(variant === 'torope' && { time_scale: 0.3 }),
  };
  const squared = new Float32Array(content.bytes.buffer).reduce((sum, v) => sum + v * v, 0);
  return { bytes: writeTensors({ metadata: { siren_rope: JSON.stringify(config) }, tensors }), scale: config.attn_scale * squared };
}

/* As demo/src/state/model.ts has it: places grow with time, angle = timePart − place · inv · λ. Here a token's place is its
 * place in the sequence, and days are counted from anywhere. Time parts are the package's, of the network that attends. */
function pageAngles(model, variant, ms, places) {
  const { info } = model;
  const inv = info.ordinal_frequencies;
  const pairs = inv.length;
  if (variant === 'siren') return wholeAngles(model.angles(Array.from(ms), { network: 'action' }), places, inv, info.order_scale);
  const own = inverseFrequencies(pairs, variant === 'torope' ? 10_000 : 100_000);
  expect(times(pairs, (j) => Math.abs(own[j] - inv[j])).every((off) => off <= 4e-16)).toBe(true);
  return variant === 'ordinal' ? ordinalAngles(places, own) : toropeAngles(places, ms.map((t) => t / DAY - 19_000), own, info.config.time_scale);
}

/*
 * In float32: q and k are rotated (each component within 2 units of 6e-8 of its size), their product is a sum of 2P terms, at
 * most 2.5 in size with attn_scale, and exp, sum and division add some units: (2P + 10) · 2.5 · 6e-8 < 8e-6 for P = 16. What is
 * found is below 1e-6; a rotation with a wrong sign, base or network is off by more than 1e-2.
 */
const TOLERANCE = 8e-6;

const cases = ['ordinal', 'torope', 'siren'].flatMap((variant) =>
  [[1, 1], [2, 1], [3, 3], [8, 2], [16, 16]].map(([pairs, A], i) => ({ variant, pairs, A, seed: 100 + i })),
);

describe.each(cases)('attention is the kernel: $variant, P = $pairs, A = $A', ({ variant, pairs, A, seed }) => {
  const D = 2 * pairs;
  const { bytes, scale } = weighingModel({ variant, pairs, A, seed });
  const random = randomFrom(seed + variant.length);
  const ms = Float64Array.from(times(D + 1, () => 1.7e12 + Math.floor(random.between(-20, 20) * DAY)).sort((a, b) => a - b));
  const places = ms.map((_, i) => i);
  const events = (n) => ({ item: new Float32Array(n).fill(1), action: Float32Array.from({ length: n * D }, (_, i) => Number(i % D === Math.floor(i / D))), timestamp: ms.slice(0, n).map((t) => t / 1000) });
  let model;
  beforeAll(async () => {
    model = await esm.loadModel(bytes);
  });
  afterAll(() => model.dispose());

  /** How far ln(weight i / weight k) is from attn_scale · |q|² · (κ_i − κ_k), over all pairs of the events 0 .. n-1 that token n attends to. */
  function worst(logits, n, angles) {
    const weights = Array.from(logits.slice(0, n), (logit) => logit / HEAD);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect(Array.from(logits.slice(n))).toEqual(new Array(D - n).fill(0));
    const kernel = attentionKernel(angles.slice(n * pairs, (n + 1) * pairs), angles.slice(0, n * pairs));
    let most = 0;
    for (let i = 0; i < n; i++)
      for (let k = 0; k < i; k++) most = Math.max(most, Math.abs(Math.log(weights[i] / weights[k]) - scale * (kernel[i] - kernel[k])));
    return most;
  }

  test('a candidate over a history', () => {
    const session = model.createSession();
    session.appendTensors(events(D));
    const logits = session.scoreTensors({ item: Float32Array.of(1), now: ms[D] / 1000 });
    expect(worst(logits, D, pageAngles(model, variant, ms, places))).toBeLessThan(TOLERANCE);
    session.dispose();
  });

  test('every event of a sequence over those before it, wherever places are counted from', () => {
    const logits = model.sequenceTensors(events(D));
    const angles = pageAngles(model, variant, ms, places.map((place) => place + 1234));
    for (let n = 1; n < D; n++) expect(worst(logits.slice(n * D, (n + 1) * D), n, angles)).toBeLessThan(TOLERANCE);
  });

  test('and weights differ enough for that to mean something', () => {
    const angles = pageAngles(model, variant, ms, places);
    const kernel = Array.from(attentionKernel(angles.slice(D * pairs), angles.slice(0, D * pairs)));
    expect(scale * (Math.max(...kernel) - Math.min(...kernel))).toBeGreaterThan(0.05);
  });
});
