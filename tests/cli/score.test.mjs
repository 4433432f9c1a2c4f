// `siren-rope score` against the golden folders on every instruction set there is, and its refusals.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, readTensors, root, run, withFolder, writeTensors } from './program.mjs';

const folders = readdirSync(join(root, 'tests/golden/vectors')).filter((name) => !name.startsWith('train-')); // those are for tests/grad
const score = (folder, io, out, ...more) =>
  run(['score', '--model', golden(folder, 'model'), '--io', io, '--out', out, ...more]);

const isas = process.arch === 'x64' ? ['scalar', 'avx2', 'avx512'] : ['scalar', 'neon'];
for (const isa of isas) {
  test(`golden folders on ${isa}`, async (t) => {
    await withFolder((scratch) => {
      const out = join(scratch, 'out.safetensors');
      let compared = 0;
      for (const folder of folders) {
        const { status, stderr } = score(folder, golden(folder, 'io'), out, '--isa', isa);
        if (/\[unsupported/.test(stderr)) return t.skip(`this machine or build has no ${isa}`);
        assert.equal(status, 0, `${folder}: ${stderr}`);
        const expected = readTensors(golden(folder, 'io'));
        const found = readTensors(out);
        for (const name of ['rank.logits', 'sequence.logits', 'cold.logits', 'rank.angle']) {
          if (!expected[name]) continue;
          assert.equal(found[name].dtype, 'F32');
          assert.deepEqual(found[name].shape, expected[name].shape, `${folder} ${name}`);
          const worst = Math.max(...found[name].data.map((x, i) => Math.abs(x - expected[name].data[i])));
          assert.ok(worst <= 2e-5, `${folder} ${name}: off by ${worst}`);
          compared += found[name].data.length;
        }
      }
      assert.ok(compared > 1000, `only ${compared} numbers were compared`);
    });
  });
}

test('threads change no bit', async () => {
  await withFolder((scratch) => {
    const [one, three] = [join(scratch, 'one'), join(scratch, 'three')];
    assert.equal(score('siren-paper', golden('siren-paper', 'io'), one).status, 0);
    assert.equal(score('siren-paper', golden('siren-paper', 'io'), three, '--threads', '3').status, 0);
    assert.deepEqual(readFileSync(three), readFileSync(one));
  });
});

test('request names and offsets are read: equal times apart by name, and day features moved by an offset', async () => {
  await withFolder((scratch) => {
    const folder = 'siren-requests';
    const io = readTensors(golden(folder, 'io'));
    const [inPath, outPath] = [join(scratch, 'in'), join(scratch, 'out')];
    const logits = (change) => {
      writeFileSync(inPath, writeTensors({ ...io, ...change }));
      assert.equal(score(folder, inPath, outPath, '--isa', 'scalar').status, 0);
      return readTensors(outPath)['sequence.logits'].data;
    };
    const n = io['history.timestamp'].shape[0];
    const plain = logits({});
    const times = io['history.timestamp'].data;
    const byTime = times.map((time) => BigInt(times.indexOf(time)));
    assert.deepEqual(logits({ 'history.request': { dtype: 'I64', shape: [n], data: byTime } }), plain, 'names that say what the times say');
    const apart = times.map((_, i) => BigInt(i));
    assert.notDeepEqual(logits({ 'history.request': { dtype: 'I64', shape: [n], data: apart } }), plain, 'a name each');
    const east = { dtype: 'F64', shape: [n], data: times.map(() => 480) };
    assert.notDeepEqual(logits({ 'history.utc_offset_minutes': east }), plain);
  });
});

test('wrong inputs end in typed errors and leave no file', async () => {
  await withFolder((scratch) => {
    const io = readTensors(golden('siren-small', 'io'));
    const [inPath, outPath] = [join(scratch, 'in'), join(scratch, 'out')];
    const [n] = io['history.timestamp'].shape;
    const refused = (change, pattern) => {
      const tensors = { ...io, ...change };
      for (const [name, tensor] of Object.entries(tensors)) if (!tensor) delete tensors[name];
      writeFileSync(inPath, writeTensors(tensors));
      const { status, stderr, stdout } = score('siren-small', inPath, outPath);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
      assert.ok(!existsSync(outPath) && !existsSync(`${outPath}.part`));
    };
    refused({ 'history.item': undefined }, /missing.*\[tensor at history\.item\]/);
    refused({ 'history.item': { ...io['history.item'], shape: [n * 24, 1] } }, /expected shape \[\d+, 24\], found \[\d+, 1\].*\[tensor at history\.item\]/);
    refused({ 'candidate.context': { dtype: 'F32', shape: [8], data: Array(8).fill(0) } }, /\[tensor at candidate\.context\]/);
    refused({ now: { dtype: 'U8', shape: [], data: [1] } }, /found U8 \[tensor at now\]/);
    refused({ now: { dtype: 'F64', shape: [], data: [NaN] } }, /\[time at now\]/);
    refused({ 'history.timestamp': { dtype: 'F64', shape: [n], data: io['history.timestamp'].data.map((_, i) => -i) } }, /\[time at history\[1\]\.time\]/);
    refused({ 'history.request': { dtype: 'F64', shape: [n], data: Array(n).fill(0.5) } }, /whole number.*\[tensor at history\.request\[0\]\]/);
    writeFileSync(inPath, 'not a file of tensors');
    assert.match(score('siren-small', inPath, outPath).stderr, /\[(format|limit) at header/);
    assert.match(score('siren-small', join(scratch, 'none'), outPath).stderr, /\[io at /);
    assert.match(score('siren-small', golden('siren-small', 'io'), join(scratch, 'none/out')).stderr, /\[io at /);
    assert.match(score('siren-small', golden('siren-small', 'io'), outPath, '--isa', 'mmx').stderr, /\[unsupported/);
  });
});
