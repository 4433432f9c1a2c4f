// `siren-rope quantize`: what it writes, says and refuses; int8 models against the same weights as floats; the shipped int8 model.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, model, readMetadata, readTensors, root, run, withFolder, writeTensors } from './program.mjs';

const goldens = readdirSync(join(root, 'tests/golden/vectors')).filter((name) => !name.startsWith('train-'));
const largest = (numbers) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const difference = (a, b) => largest(a.map((x, i) => x - b[i]));

function quantize(from, to, ...more) {
  const { status, stdout, stderr } = run(['quantize', from, to, ...more]);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

// The int8 file's weights as floats, in a file that only the float kernels see.
function dequantize(from, to) {
  const tensors = {};
  const all = readTensors(from);
  for (const [name, { dtype, shape, data }] of Object.entries(all)) {
    if (name.endsWith('_scale') && !name.startsWith('rope.')) continue;
    const scales = dtype === 'I8' ? all[`${name}_scale`].data : null;
    tensors[name] = { dtype: 'F32', shape, data: scales ? data.map((byte, i) => byte * scales[Math.floor(i / shape[1])]) : data };
  }
  writeFileSync(to, writeTensors(tensors, readMetadata(from)));
}

test('JSON says what became of every tensor, as the files have it', () => withFolder((folder) => {
  const most = { F32: 0, F16: 2 ** -11, I8: 1 / 125 };
  for (const [kind, share] of [['int8', 0.45], ['float16', 0.51]]) {
    const to = join(folder, kind);
    const told = JSON.parse(quantize(model, to, '--weights', kind, '--json'));
    const before = readTensors(model), after = readTensors(to);
    assert.deepEqual(readMetadata(to), readMetadata(model));
    assert.equal(told.weights, kind);
    assert.deepEqual([told.bytes_before, told.bytes_after, told.left_out], [statSync(model).size, statSync(to).size, 0]);
    assert.ok(told.bytes_after < share * told.bytes_before);
    assert.deepEqual(new Set(told.tensors.map(({ name }) => name)), new Set(Object.keys(before)));
    for (const one of told.tensors) {
      const { dtype, shape, data } = after[one.name];
      const scale = after[`${one.name}_scale`]?.data;
      assert.deepEqual([one.dtype_before, one.dtype_after], ['F32', dtype]);
      assert.deepEqual(shape, before[one.name].shape);
      assert.equal(one.bytes_before, 4 * data.length);
      assert.equal(one.bytes_after, { F32: 4, F16: 2, I8: 1 }[dtype] * data.length + (scale ? 4 * scale.length : 0));
      const width = shape.length === 2 ? shape[1] : data.length;
      let worst = 0;
      for (let row = 0; row < data.length; row += width) {
        const was = before[one.name].data.slice(row, row + width);
        const is = data.slice(row, row + width).map((x) => (scale ? x * scale[row / width] : x));
        worst = Math.max(worst, difference(is, was) / (largest(was) || 1));
      }
      assert.ok(Math.abs(one.error - worst) < 1e-6, `${one.name}: ${one.error}, expected ${worst}`);
      assert.ok(worst <= most[dtype] && (dtype !== 'I8' || worst > 0), `${one.name}: ${worst}`);
    }
  }
}));

test('the table: int8 unless told otherwise, what changed line by line, the rest and all together', () => withFolder((folder) => {
  const to = join(folder, 'out.safetensors');
  const lines = quantize(model, to).trim().split('\n');
  assert.match(lines[0], /^tensor +dtype +bytes +after +largest error of a weight$/);
  assert.equal(lines.filter((line) => /F32 -> I8 +\d+ +\d+ +0\.\d{3} % of its row's largest$/.test(line)).length, 20);
  assert.equal(lines.filter((line) => /F32 -> F16/.test(line)).length, 7);
  assert.match(lines.at(-2), /^others, as they were +(\d+) +\1$/);
  assert.equal(lines.at(-1), `${to}: 85 tensors in 799124 bytes, 36.9 % of ${model}`);
  quantize(join(root, 'tests/unit/good/duplicates.safetensors'), to);
  assert.match(quantize(join(root, 'tests/unit/good/duplicates.safetensors'), to), /^left out: \d+ that the model does not use or has twice$/m);
}));

test('refusals are typed and leave what was there', () => withFolder((folder) => {
  const [int8, float16, out, cut] = ['int8', 'float16', 'out', 'cut'].map((name) => join(folder, name));
  quantize(model, int8);
  quantize(model, float16, '--weights', 'float16');
  writeFileSync(cut, readFileSync(model).subarray(0, 1000));
  const cases = [
    [[model, out, '--weights', 'int4'], /expected int8 or float16, found "int4" \[argument at --weights\]/],
    [[join(folder, 'none'), out], /could not be opened.*\[io at /],
    [[cut, out], /truncated.*\[format at .*cut\.header\]/],
    [[int8, out], /the file is quantised \[tensor at .*int8\.action_embedding\.2\.weight\]/],
    [[int8, out, '--weights', 'float16'], /the file is quantised \[tensor at /],
    [[float16, out, '--weights', 'float16'], /expected float32 weights, found none.*\[tensor at .*float16\]/],
    [[model, join(folder, 'none/out')], /\[io at /],
    [[int8, int8], /expected another file than the one that is read \[argument at /],
  ];
  const before = readFileSync(int8);
  for (const [args, pattern] of cases) {
    const { status, stdout, stderr } = run(['quantize', ...args]);
    assert.equal(status, 1, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, pattern);
  }
  assert.ok(readFileSync(int8).equals(before));
  assert.deepEqual(readdirSync(folder).sort(), ['cut', 'float16', 'int8']);
  assert.match(quantize(float16, out), /F16 -> I8/); // halves become bytes
}));

// Quanta of activations are whole: where float32 rounds otherwise (scalar does not fuse), now and then a number falls to the next
// one, and logits differ by a part of what quantising does. So instruction sets agree as floats do in most models, and
// in all of them as well as int8 agrees with floats.
test('int8 against the same weights as floats, on every instruction set', (t) => withFolder((folder) => {
  const [int8, floats, out] = ['int8', 'floats', 'out'].map((name) => join(folder, name));
  const logits = (path, name, isa) => {
    const { status, stderr } = run(['score', '--model', path, '--io', golden(name, 'io'), '--out', out, '--isa', isa]);
    if (/\[unsupported/.test(stderr)) return null;
    assert.equal(status, 0, stderr);
    const tensors = readTensors(out);
    return ['rank', 'sequence', 'cold'].flatMap((kind) => tensors[`${kind}.logits`].data);
  };
  const close = {};
  for (const name of goldens) {
    quantize(golden(name, 'model'), int8);
    dequantize(int8, floats);
    const expected = logits(floats, name, 'scalar'), scalar = logits(int8, name, 'scalar');
    const spread = Math.sqrt(expected.reduce((sum, x) => sum + x * x, 0) / expected.length);
    const off = difference(scalar, expected);
    assert.ok(off > 1e-5 && off < 0.5 * spread, `${name}: off by ${off} where logits are ${spread}`);
    for (const isa of ['avx2', 'avx512', 'neon']) {
      const found = logits(int8, name, isa);
      if (!found) continue;
      const apart = difference(found, scalar);
      assert.ok(apart <= off, `${name} on ${isa}: ${apart} from scalar, which is off by ${off}`);
      close[isa] = (close[isa] ?? 0) + (apart <= 2e-5);
    }
  }
  assert.ok(Object.keys(close).length > 0 || !['x64', 'arm64'].includes(process.arch), 'scalar was compared with nothing');
  for (const [isa, n] of Object.entries(close)) {
    t.diagnostic(`${isa}: ${n} of ${goldens.length} models within 2e-5 of scalar`);
    assert.ok(n >= goldens.length / 2, `${isa}: only ${n} models are within 2e-5 of scalar`);
  }
}));

test('the shipped int8 model is what the command makes of the shipped float one, and its card says so', () => withFolder((folder) => {
  const shipped = join(root, 'models/kuairand-excerpt.int8.safetensors'), again = join(folder, 'again');
  quantize(model, again);
  const bytes = readFileSync(shipped), card = readFileSync(join(root, 'models/kuairand-excerpt.md'), 'utf8');
  assert.ok(readFileSync(again).equals(bytes));
  assert.ok(bytes.length < readFileSync(model).length / 2);
  assert.ok(card.includes(createHash('sha256').update(bytes).digest('hex')));
  assert.ok(card.includes(`${bytes.length.toLocaleString('en')} bytes`));
  assert.ok(!existsSync(`${again}.part`));
}));
