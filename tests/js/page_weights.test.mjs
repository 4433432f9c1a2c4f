// The page's weights: a .safetensors file read and written, its number formats, and rotations cut out of models: the package
// computes the same angles from them, to the bit, and with a branch switched off the rest of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bits, loadPage, randomFrom, times } from './page_support.mjs';
import { builds, esm, feedModel, goldenModel, goldens, root } from './support.mjs';

const { readTensors, writeTensors, numbersOf, zeros } = await loadPage('demo/src/weights/safetensors.ts');
const { rotationOf, rotationFile, historyOf, numbersOfRotation, ALL_ON } = await loadPage('demo/src/weights/rotation.ts');

const readFile = (path) => new Uint8Array(readFileSync(path));
const f32 = (...values) => ({ dtype: 'F32', shape: [values.length], bytes: new Uint8Array(Float32Array.from(values).buffer) });
const halves = (dtype, values) => ({ dtype, shape: [values.length], bytes: new Uint8Array(Uint16Array.from(values).buffer) });
const sameFile = (a, b) => {
  expect(a.metadata).toEqual(b.metadata);
  expect([...a.tensors.keys()]).toEqual([...b.tensors.keys()]);
  for (const [name, { dtype, shape, bytes }] of a.tensors) {
    expect([name, dtype, shape]).toEqual([name, b.tensors.get(name).dtype, b.tensors.get(name).shape]);
    expect(bits(bytes)).toBe(bits(b.tensors.get(name).bytes));
  }
};

describe('a file', () => {
  const random = randomFrom(3);
  const randomFile = () => {
    const name = (i) => `${i}.${times(random.whole(0, 8), () => random.one(['a', '.', 'ß', '"', '\\', ' '])).join('')}`;
    const tensor = () => {
      const shape = times(random.whole(0, 3), () => random.whole(0, 4));
      const [dtype, size] = random.one([['F32', 4], ['F16', 2], ['BF16', 2], ['I64', 8]]);
      return { dtype, shape, bytes: Uint8Array.from({ length: size * shape.reduce((a, b) => a * b, 1) }, () => random.whole(0, 255)) };
    };
    return { metadata: random.coin() ? {} : { siren_rope: '{"a":"ä"}' }, tensors: new Map(times(random.whole(0, 6), (i) => [name(i), tensor()])) };
  };

  test('read of written is what was written; written again it is the same bytes', () => {
    for (let round = 0; round < 100; round++) {
      const file = randomFile();
      const bytes = writeTensors(file);
      const found = readTensors(bytes);
      sameFile(found, file);
      expect(bits(writeTensors(found))).toBe(bits(bytes));
      expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
      // from the middle of a larger buffer, too: bytes that came over a network
      const room = new Uint8Array(bytes.length + 13).fill(255);
      room.set(bytes, 5);
      sameFile(readTensors(room.subarray(5, 5 + bytes.length)), file);
    }
  });

  test('the package loads what was written, and finds the same model', async () => {
    const bytes = readFile(feedModel);
    const written = writeTensors(readTensors(bytes));
    sameFile(readTensors(written), readTensors(bytes));
    const [a, b] = [await esm.loadModel(bytes), await esm.loadModel(written)];
    expect({ ...b.info, hash: '' }).toEqual({ ...a.info, hash: '' });
    a.dispose();
    b.dispose();
  });

  test.each([
    ['nothing', new Uint8Array(0)],
    ['seven bytes', new Uint8Array(7)],
    ['a header that is not there', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)],
    ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 123, 125)],
    ['a header of all bits', new Uint8Array(16).fill(255)],
    ['an empty header', new Uint8Array(8)],
    ['no JSON', header('nonsense')],
    ['JSON cut short', header('{"a":')],
    ['null', header('null')],
    ['a tensor that is null', header('{"a":null}')],
    ['a tensor without offsets', header('{"a":{"dtype":"F32","shape":[1]}}')],
    ['offsets that are no list', header('{"a":{"dtype":"F32","shape":[1],"data_offsets":5}}')],
    ['bytes after the end', header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}', 8)],
    ['bytes before the beginning', header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}', 8)],
    ['an end before its beginning', header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}', 8)],
    ['one offset', header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 8)],
    ['offsets of infinity', header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e999]}}', 8)],
  ])('%s: refused', (_, bytes) => {
    expect(() => readTensors(bytes)).toThrow(Error);
    expect(() => historyOf(bytes, 4)).toThrow(Error);
  });

  function header(text, data = 0) {
    const letters = new TextEncoder().encode(text);
    const bytes = new Uint8Array(8 + letters.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(letters.length), true);
    bytes.set(letters, 8);
    return bytes;
  }

  test('damaged files are read or refused, and soon; what is read is within the file', () => {
    const whole = writeTensors({ metadata: { siren_rope: '{}', history: '{"moments":[{"step":0,"epoch":0,"loss":null}]}' }, tensors: new Map([['000.rope.freq', f32(1, 2)], ['000.rope.order_scale', { ...f32(1), shape: [] }]]) });
    const ends = { read: 0, refused: 0 };
    const begun = Date.now();
    for (let round = 0; round < 2000; round++) {
      const bytes = whole.slice(0, random.coin() ? whole.length : random.whole(0, whole.length));
      for (let i = random.whole(0, 3); i > 0 && bytes.length > 0; i--) bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255);
      try {
        const { tensors } = readTensors(bytes);
        let most = 0;
        for (const tensor of tensors.values()) most = Math.max(most, tensor.bytes.byteOffset + tensor.bytes.length);
        if (most > bytes.length) throw new RangeError('outside');
        historyOf(bytes, 4);
        ends.read++;
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error.message).not.toBe('outside');
        ends.refused++;
      }
    }
    expect(Math.min(ends.read, ends.refused)).toBeGreaterThan(100);
    expect(Date.now() - begun).toBeLessThan(10_000);
  });
});

describe('numbers', () => {
  const all = times(65536, (i) => i);

  /** IEEE 754's binary16 through the bits of a binary32: no powers, no products but of subnormal numbers. */
  function halfByBits(half) {
    const [sign, exponent, fraction] = [half >>> 15, (half >>> 10) & 31, half & 1023];
    const view = new DataView(new ArrayBuffer(4));
    if (exponent === 0) return (sign ? -1 : 1) * (fraction / 16777216);
    view.setUint32(0, ((sign << 31) | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)) >>> 0);
    return view.getFloat32(0);
  }

  test('all 65,536 halves', () => {
    const found = numbersOf(halves('F16', all));
    expect(all.filter((half) => !Object.is(found[half], halfByBits(half)))).toEqual([]);
    const known = { 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 2 ** -14, 0x03ff: 1023 * 2 ** -24, 0x0001: 2 ** -24, 0x3555: 0.333251953125, 0x8000: -0, 0x7c00: Infinity, 0xfc00: -Infinity, 0x7e00: NaN };
    for (const [half, value] of Object.entries(known)) expect(found[half]).toBe(value);
  });

  test('all 65,536 bfloat16: the upper halves of float32', () => {
    const found = numbersOf(halves('BF16', all));
    const expected = new Float32Array(Uint32Array.from(all, (half) => half * 65536).buffer);
    expect(all.filter((half) => !Object.is(found[half], expected[half]))).toEqual([]);
    const known = { 0x3f80: 1, 0xc000: -2, 0x4049: 3.140625, 0x7f80: Infinity, 0x0080: 2 ** -126, 0x8000: -0 };
    for (const [half, value] of Object.entries(known)) expect(found[half]).toBe(value);
  });

  test('float32, from anywhere in a file', () => {
    const random = randomFrom(4);
    const values = Float32Array.from({ length: 100 }, random.normal);
    const room = new Uint8Array(403);
    room.set(new Uint8Array(values.buffer), 3);
    expect([...numbersOf({ dtype: 'F32', shape: [100], bytes: room.subarray(3) })]).toEqual([...values]);
    expect([...numbersOf(zeros(2, 3))]).toEqual(new Array(6).fill(0));
  });
});

/* ---------------------------------------------------------------- rotations */

const shipped = ['kuairand-excerpt', 'planted-rhythm'];
const shippedModel = (name) => join(root, `models/${name}.safetensors`);
const models = [...shipped.map((name) => [name, shippedModel(name)]), ...goldens.map((name) => [name, goldenModel(name)])];
const configOf = (file) => JSON.parse(file.metadata.siren_rope);
const withConfig = (file, change) => ({ ...file, metadata: { siren_rope: JSON.stringify({ ...configOf(file), ...change }) } });

/** Unix milliseconds of thirty years, and of the model's own weeks. */
const anyTimes = (random, config) => times(60, (i) => Math.floor(i % 2 ? random.between(9e11, 1.9e12) : 1000 * (config.trend_center || 1.7e9) + 1e9 * random.normal()));

async function withModels(files, build, use) {
  const loaded = [];
  try {
    for (const file of files) loaded.push(await esm.loadModel(file, { build }));
    return await use(...loaded);
  } finally {
    for (const model of loaded) model.dispose();
  }
}

describe.each(builds)('a rotation alone, %s', (build) => {
  test.each(models)('%s: the angles are those of the whole model, to the bit', async (_, path) => {
    const bytes = readFile(path);
    const file = readTensors(bytes);
    const random = randomFrom(bytes.length);
    // as it is; and with every number that angles depend on other than by default
    const changed = withConfig(file, { omega_0: 7, rope_base: 5000, time_scale: 0.07, trend_center: 1.6e9, trend_scale: 3e6, utc_offset_minutes: -210 });
    for (const whole of [bytes, writeTensors(changed)])
      await withModels([whole], build, async (model) => {
        const { P, G } = model.info.sizes;
        const small = rotationFile(rotationOf(readTensors(whole), P), ALL_ON);
        await withModels([small], build, (alone) => {
          expect(alone.info.sizes).toMatchObject({ P, G, H: 1, L: 1, A: model.info.sizes.A, F: model.info.sizes.F });
          expect(alone.info.ordinal_frequencies).toEqual(model.info.ordinal_frequencies);
          expect(alone.info.order_scale).toBe(model.info.order_scale);
          const at = anyTimes(random, model.info.config);
          for (const network of ['layers', 'action']) {
            const options = { network, signal: times(G, random.normal) };
            const angles = model.angles(at, options);
            expect(bits(alone.angles(at, options))).toBe(bits(angles));
            if (model.info.config.variant !== 'ordinal') expect(new Set(angles).size).toBeGreaterThan(at.length / 2);
          }
        });
      });
  });
});

/** The tensors of each branch's last linear, by hand. */
const LAST = { 'kuairand-excerpt': { sine: 'net.3', relu: 'residual.6' }, 'planted-rhythm': { sine: 'net.2', relu: 'residual.4' }, 'siren-small': { sine: 'net.3', relu: 'residual.6' }, 'siren-tiled': { sine: 'net.3', relu: 'residual.6' }, 'siren-year-only': { sine: 'net.3', relu: 'residual.6' }, 'siren-semantic': { sine: 'net.3', relu: 'residual.6' }, 'siren-f16': { sine: 'net.3', relu: 'residual.6' } };

describe.each(Object.entries(LAST))('switches: %s', (name, last) => {
  const bytes = readFile(shipped.includes(name) ? shippedModel(name) : goldenModel(name));
  const file = readTensors(bytes);
  const at = anyTimes(randomFrom(9), configOf(file));
  let rotation;
  beforeAll(() => withModels([bytes], 'simd', (model) => void (rotation = rotationOf(file, model.info.sizes.P))));

  const rotated = (on, use) => withModels([rotationFile(rotation, { ...ALL_ON, ...on })], 'simd', use);
  const anglesOf = (on, network) => rotated(on, (model) => model.angles(at, { network }));
  const without = (branch) => ({
    ...file,
    tensors: new Map([...file.tensors].map(([key, tensor]) => [key, key.includes(`angle_nn.${last[branch]}.`) ? { ...tensor, bytes: new Uint8Array(tensor.bytes.length) } : tensor])),
  });

  test.each(['layers', 'action'])('%s: a branch that is off is one whose last linear is zero in the whole model, to the bit', async (network) => {
    for (const branch of ['sine', 'relu']) {
      const zeroed = without(branch);
      expect([...zeroed.tensors].filter(([key, tensor]) => tensor !== file.tensors.get(key))).toHaveLength(4);
      await withModels([writeTensors(zeroed)], 'simd', async (whole) => {
        expect(bits(await anglesOf({ [branch]: false }, network))).toBe(bits(whole.angles(at, { network })));
      });
    }
  });

  test.each(['layers', 'action'])('%s: the two branches add up to the angle, and both off are nothing', async (network) => {
    const [both, sine, relu, none] = await Promise.all([{}, { relu: false }, { sine: false }, { sine: false, relu: false }].map((on) => anglesOf(on, network)));
    expect(none.every((angle) => angle === 0)).toBe(true);
    expect(sine.some((angle, i) => angle !== both[i])).toBe(true);
    // f is one float32 addition, rounded once: half a unit in the last place of the sum, 2^-24 of it; times freq in double
    const off = both.map((angle, i) => Math.abs(angle - (sine[i] + relu[i])) - (2 ** -24 + 1e-15) * Math.abs(angle));
    expect(Math.max(...off)).toBeLessThanOrEqual(0);
  });

  test('order off: λ is 0, the frequencies and the time part stay', async () => {
    await rotated({}, (on) =>
      rotated({ order: false }, (off) => {
        expect(on.info.order_scale).not.toBe(0);
        expect(off.info.order_scale).toBe(0);
        expect(off.info.ordinal_frequencies).toEqual(on.info.ordinal_frequencies);
        for (const network of ['layers', 'action']) expect(bits(off.angles(at, { network }))).toBe(bits(on.angles(at, { network })));
      }),
    );
  });

  test('switching leaves the rotation itself as it was, and its file small', () => {
    const before = [...rotation.tensors].map(([key, { bytes }]) => [key, bits(bytes)]);
    const files = [ALL_ON, { sine: false, relu: false, order: false }].map((on) => rotationFile(rotation, on));
    expect([...rotation.tensors].map(([key, { bytes }]) => [key, bits(bytes)])).toEqual(before);
    expect(files[0].length).toBe(files[1].length);
    const own = [...rotation.tensors.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(files[0].length - own).toBeLessThan(10_000 + 60 * (2 * rotation.pairs) ** 2);
  });
});

describe.each(shipped)('the history of %s', (name) => {
  const bytes = readFile(join(root, `models/${name}.moments.safetensors`));
  const file = readTensors(readFile(shippedModel(name)));
  const PAIRS = 8;
  const history = historyOf(bytes, PAIRS);

  test('21 moments, in the order of training', () => {
    expect([history.moments.length, history.rotations.length]).toEqual([21, 21]);
    const steps = history.moments.map(({ step }) => step);
    const epochs = history.moments.map(({ epoch }) => epoch);
    expect([steps[0], epochs[0], history.moments[0].loss]).toEqual([0, 0, NaN]);
    for (const list of [steps, epochs]) expect(list.every((value, i) => i === 0 || value > list[i - 1])).toBe(true);
    for (const { loss, freq, orderScale } of history.moments.slice(1)) {
      expect(loss > 0 && loss < 1).toBe(true);
      expect([freq.length, Number.isFinite(orderScale)]).toEqual([PAIRS, true]);
    }
    expect(history.evaluations.length).toBeGreaterThan(0);
    for (const { step, meanNe } of history.evaluations) expect(step > 0 && step <= steps.at(-1) && meanNe > 0.5 && meanNe < 1.2).toBe(true);
    // where training begins: λ = 1 and freq = π (model.md), rounded to half precision
    expect(history.moments[0].orderScale).toBe(1);
    expect(history.moments[0].freq).toEqual(new Array(PAIRS).fill(3.140625));
    expect(new Set(history.rotations.map(({ tensors }) => bits(tensors.get('angle_nn.net.0.linear.weight').bytes))).size).toBe(21);
  });

  const whole = rotationOf(file, PAIRS);
  const at = anyTimes(randomFrom(21), { trend_center: configOf(file).trend_center }).filter((_, i) => i % 2 === 0);
  /** How far the angles of two rotations are apart, as a part of their size. */
  const apart = (one, other) =>
    withModels([one, other].map((rotation) => rotationFile(rotation, ALL_ON)), 'simd', (a, b) => {
      const [x, y] = [a, b].map((model) => ['layers', 'action'].flatMap((network) => [...model.angles(at, { network })]));
      return Math.max(...x.map((angle, i) => Math.abs(angle - y[i]) / (1 + Math.abs(y[i]))));
    });

  test('moments have the tensors and the numbers of a rotation', () => {
    for (const [i, rotation] of history.rotations.entries()) {
      expect([...rotation.tensors.keys()].sort()).toEqual([...whole.tensors.keys()].sort());
      expect(history.moments[i]).toMatchObject(numbersOfRotation(rotation));
    }
  });

  if (name === 'planted-rhythm')
    test('the last is the shipped model, each number rounded to half precision', async () => {
      const last = history.rotations.at(-1);
      for (const [key, tensor] of whole.tensors) {
        const [exact, rounded] = [numbersOf(tensor), numbersOf(last.tensors.get(key))];
        expect(rounded.length).toBe(exact.length);
        const off = exact.map((value, i) => Math.abs(rounded[i] - value) - Math.max(2 ** -11 * Math.abs(value), 2 ** -25));
        expect([key, Math.max(...off) <= 0]).toEqual([key, true]);
      }
      // every weight is off by 2^-11 of itself, and ω0 = 10 multiplies that twice: a hundredth of the angles' size is generous
      const off = await apart(last, whole);
      expect(off).toBeLessThan(0.01);
      expect(off).toBeGreaterThan(0);
    });
  else
    test('the shipped model is the best by validation: the moments around that step are nearest to it', () => {
      const { step: best } = history.evaluations.reduce((a, b) => (b.meanNe < a.meanNe ? b : a));
      const numbers = (rotation) => [...whole.tensors.keys()].flatMap((key) => [...numbersOf(rotation.tensors.get(key))]);
      const exact = numbers(whole);
      const distances = history.rotations.map((rotation) => Math.hypot(...numbers(rotation).map((v, i) => v - exact[i])));
      const after = history.moments.findIndex(({ step }) => step >= best);
      const nearest = times(21, (i) => i).sort((a, b) => distances[a] - distances[b]);
      expect(nearest.slice(0, 2).sort((a, b) => a - b)).toEqual([after - 1, after]);
      expect(distances[nearest[0]]).toBeLessThan(0.1 * distances[0]);
    });

  test('every moment loads and rotates, with every switch', async () => {
    for (const rotation of history.rotations)
      for (const on of [ALL_ON, { sine: false, relu: true, order: true }, { sine: true, relu: false, order: false }])
        await withModels([rotationFile(rotation, on)], 'simd', (model) => {
          expect(model.angles([1.7e12]).every(Number.isFinite)).toBe(true);
          expect(model.info.sizes.P).toBe(PAIRS);
        });
  });
});

test('a file without a history has no moments', () => {
  expect(historyOf(writeTensors({ metadata: {}, tensors: new Map() }), 4)).toEqual({ moments: [], rotations: [], evaluations: [] });
  for (const text of ['nonsense', '[]', '{}', '{"moments":5}', '{"moments":[null]}']) expect(() => historyOf(writeTensors({ metadata: { history: text }, tensors: new Map() }), 4)).toThrow(Error);
});
