// program.mjs: what the tests of the program share: starting it, the files of the tree, and a small reader and writer of
// safetensors that owes nothing to the C one.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const program = process.env.SIREN_ROPE ?? join(root, 'build/siren-rope');
export const sanitized = process.env.SIREN_ROPE_SANITIZED === '1';
export const model = join(root, 'models/kuairand-excerpt.safetensors'); // has a schema
export const golden = (folder, file) => join(root, 'tests/golden/vectors', folder, `${file}.safetensors`);
export const shared = process.env.SIREN_ROPE_SHARED ?? join(root, '../shared');

// A sanitizer keeps freed memory for a while; little of it, so that memory can be measured there too.
const env = { ...process.env, ASAN_OPTIONS: 'quarantine_size_mb=1:malloc_context_size=0' };

// Runs to the end: { status, stdout, stderr }.
export function run(args, input = '') {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { input, env, maxBuffer: 1 << 30, encoding: 'utf8' });
  if (error) throw error;
  return { status: status ?? signal, stdout, stderr };
}

// Killed when it hangs, which ends the test that waits for it.
export const start = (args) => spawn(program, args, { env, timeout: 300000, killSignal: 'SIGKILL' });

// Requests (objects, or lines as they are) -> the exit status and an answer a line.
export function rank(args, requests) {
  const lines = requests.map((request) => (typeof request === 'string' ? request : JSON.stringify(request)));
  const { status, stdout, stderr } = run(['rank', ...args], lines.map((line) => `${line}\n`).join(''));
  return { status, stderr, answers: stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
}

// Calls use(folder) and removes the folder after.
export async function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'siren-rope-cli-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readHalf(view, at) {
  const bits = view.getUint16(at, true), exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction ? NaN : Infinity) : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

const readers = {
  F16: [2, readHalf],
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  I8: [1, (view, at) => view.getInt8(at)],
};

function readHeader(bytes) {
  const n = Number(bytes.readBigUInt64LE(0));
  return { n, header: JSON.parse(bytes.subarray(8, 8 + n).toString()) };
}

export const readMetadata = (path) => readHeader(readFileSync(path)).header.__metadata__;

// A .safetensors file -> { name: { dtype, shape, data: number[] } }, for F16, F32, F64 and I8.
export function readTensors(path) {
  const bytes = readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { n, header: { __metadata__, ...header } } = readHeader(bytes);
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    const [size, read] = readers[dtype];
    tensors[name] = { dtype, shape, data: Array.from({ length: (end - begin) / size }, (_, i) => read(view, 8 + n + begin + i * size)) };
  }
  return tensors;
}

// { name: { dtype, shape, data } } -> the bytes of a file; dtypes F32, F64, I64 and U8. metadata: { key: text }
export function writeTensors(tensors, metadata) {
  const makers = { F32: Float32Array, F64: Float64Array, I64: BigInt64Array, U8: Uint8Array };
  const header = metadata ? { __metadata__: metadata } : {};
  const parts = [];
  let at = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const bytes = Buffer.from(makers[dtype].from(data).buffer);
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

export const rowOf = ({ shape, data }, i) => data.slice(i * shape[1], (i + 1) * shape[1]);
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));
