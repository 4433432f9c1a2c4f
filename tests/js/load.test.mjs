// loadModel: every kind of source, progress, aborting, and everything that servers, files and hosts get wrong.
import { createServer } from 'node:http';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeModel } from './made_model.mjs';
import { builds, cjs, esm, feedModel, goldenModel, rejection, root } from './support.mjs';

const { loadModel } = esm;
const path = goldenModel('siren-small');
const bytes = readFileSync(path);
const { hash } = (await loadModel(path)).info;

let server, base, scratch;
beforeAll(async () => {
  server = createServer((request, response) => {
    const send = (status, type, body, headers = {}) =>
      response.writeHead(status, { 'content-type': type, ...headers }).end(body);
    const routes = {
      '/model.safetensors': () => send(200, 'application/octet-stream', bytes, { 'content-length': bytes.length }),
      '/no-length': () => {
        response.writeHead(200);
        response.write(bytes.subarray(0, 1000));
        response.end(bytes.subarray(1000));
      },
      '/page': () => send(200, 'text/html', '<!DOCTYPE html><html><body>Sign in</body></html>'),
      '/half': () => send(200, 'application/octet-stream', bytes.subarray(0, bytes.length / 2)),
      '/broken-off': () => {
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 5000), () => response.destroy());
      },
      '/empty': () => send(200, 'application/octet-stream', ''),
      '/never': () => {
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 100));
      },
    };
    (routes[request.url] ?? (() => send(404, 'text/html', '<html>no such page</html>')))();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
  scratch = mkdtempSync(join(tmpdir(), 'siren-rope-'));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(scratch, { recursive: true });
});

const sources = {
  'a path': () => path,
  'a file URL': () => pathToFileURL(path),
  'a file URL as text': () => pathToFileURL(path).href,
  'an http URL': () => new URL(`${base}/model.safetensors`),
  'an http URL as text': () => `${base}/model.safetensors`,
  'an answer without a length': () => `${base}/no-length`,
  'a Response': () => fetch(`${base}/model.safetensors`),
  'a made Response': () => new Response(bytes),
  'a stream': async () => (await fetch(`${base}/model.safetensors`)).body,
  'a stream of odd chunks': () =>
    new Blob([bytes]).stream().pipeThrough(
      new TransformStream({
        transform: (chunk, controller) => {
          for (let i = 0; i < chunk.length; i += 997) controller.enqueue(chunk.subarray(i, i + 997));
        },
      }),
    ),
  'a Buffer': () => bytes,
  'an ArrayBuffer': () => new Uint8Array(bytes).buffer,
  'a view in the middle of a buffer': () => viewOf(bytes),
};

describe.each([
  ['ES module', esm],
  ['CommonJS', cjs],
])('%s', (_, { loadModel }) => {
  test.each(Object.keys(sources))('loads from %s', async (name) => {
    const source = await sources[name]();
    const seen = [];
    const model = await loadModel(source, { onProgress: (progress) => seen.push(progress) });
    expect(model.info.hash).toBe(hash);
    expect(seen.at(-1).loadedBytes).toBe(bytes.length);
    expect([bytes.length, undefined]).toContain(seen.at(-1).totalBytes);
    for (let i = 1; i < seen.length; i++) expect(seen[i].loadedBytes).toBeGreaterThan(seen[i - 1].loadedBytes);
    model.dispose();
  });
});

function viewOf(bytes) {
  const room = new ArrayBuffer(bytes.length + 5);
  new Uint8Array(room, 3).set(bytes);
  return new DataView(room, 3, bytes.length);
}

test('a file that must be read in several pieces', async () => {
  const seen = [];
  const model = await loadModel(feedModel, {
    onProgress: ({ loadedBytes, totalBytes }) => seen.push([loadedBytes, totalBytes]),
  });
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.at(-1)[0]).toBe(seen[0][1]);
  model.dispose();
});

describe('what servers and files get wrong', () => {
  test.each([
    ['/missing', 'network', /404/],
    ['/page', 'network', /HTML/],
    ['/half', 'format', /./],
    ['/broken-off', 'network', /./],
    ['/empty', 'format', /./],
  ])('%s is a %s error', async (route, code, message) => {
    const error = await rejection(loadModel(base + route));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    if (code === 'network') expect(error.where).toBe(base + route);
  });
  test('an address where nobody listens', async () => {
    expect(await rejection(loadModel('http://127.0.0.1:1/model.safetensors'))).toMatchObject({
      code: 'network',
      where: 'http://127.0.0.1:1/model.safetensors',
    });
  });
  test('a Response that is an error', async () => {
    expect(await rejection(loadModel(await fetch(`${base}/missing`)))).toMatchObject({
      code: 'network',
      where: `${base}/missing`,
    });
  });
  test('a download that cannot be a model is not read to its end', async () => {
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(1000).fill(0x61));
      },
    });
    expect(await rejection(loadModel(endless))).toHaveProperty('code', expect.stringMatching(/format|limit/));
    expect(pulled).toBeLessThan(10);
  });
  test.each([65536, 100000])('weights that wasm memory cannot hold are refused with their header: %i wide', async (hidden) => {
    const { header } = describeModel({ layers: 1, width: 4096, hidden, dtype: 'F32' });
    const code = hidden > 65536 ? 'limit' : 'memory';
    let pulled = 0;
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(pulled++ === 0 ? header : new Uint8Array(1000)),
    });
    expect(await rejection(loadModel(stream))).toMatchObject({ code });
    expect(pulled).toBeLessThan(10);
  });
  test('a length that an answer does not have tells nothing but progress', async () => {
    const answer = new Response(new Blob([bytes]).stream(), { headers: { 'content-length': '5000' } });
    const seen = [];
    const model = await loadModel(answer, { onProgress: (progress) => seen.push(progress) });
    expect(model.info.hash).toBe(hash);
    expect(seen.at(-1)).toEqual({ loadedBytes: bytes.length, totalBytes: 5000 });
    model.dispose();
  });
  test('a wrong header is refused before the weights come', async () => {
    const { header } = describeModel({ layers: 1, width: 64, hidden: 64, dtype: 'F32' });
    const wrong = Uint8Array.from(header);
    wrong[new TextDecoder().decode(header).indexOf('head.0')]++;
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(pulled++ === 0 ? wrong : new Uint8Array(1000)),
    });
    expect(await rejection(loadModel(endless))).toMatchObject({ code: 'tensor', where: 'head.0.weight' });
    expect(pulled).toBeLessThan(10);
  });
  test('no such file, a folder, no file system path', async () => {
    expect(await rejection(loadModel(join(root, 'no-such.safetensors')))).toMatchObject({
      code: 'io',
      where: join(root, 'no-such.safetensors'),
    });
    expect(await rejection(loadModel(root))).toMatchObject({ code: 'io' });
    expect(await rejection(loadModel('http://['))).toMatchObject({ code: 'argument' });
  });
  test.each([1, 7, 8, 9, 100, 5000, bytes.length - 1])('weights cut to %i bytes', async (n) => {
    expect(await rejection(loadModel(bytes.subarray(0, n)))).toHaveProperty(
      'code',
      expect.stringMatching(/format|tensor/),
    );
  });
  test('damaged weights', async () => {
    const nan = Uint8Array.from(bytes);
    nan.fill(0xff, nan.length - 8);
    expect(await rejection(loadModel(nan))).toMatchObject({ code: 'value' });
    expect(await rejection(loadModel(new Uint8Array(0)))).toMatchObject({ code: 'format' });
    expect(await rejection(loadModel(Buffer.from('<html><body>not a model</body></html>')))).toHaveProperty(
      'code',
      expect.stringMatching(/format|limit/),
    );
  });
  test('streams that fail, are taken, or give no bytes', async () => {
    const failing = new ReadableStream({ start: (controller) => controller.error(new Error('cable cut')) });
    expect(await rejection(loadModel(failing))).toMatchObject({
      code: 'network',
      message: expect.stringContaining('cable cut'),
    });
    const taken = new Blob([bytes]).stream();
    taken.getReader();
    expect(await rejection(loadModel(taken))).toMatchObject({ code: 'argument' });
    const words = new ReadableStream({
      start: (controller) => {
        controller.enqueue('words');
        controller.close();
      },
    });
    expect(await rejection(loadModel(words))).toMatchObject({ code: 'argument' });
  });
  test.each([[undefined], [null], [5], [{}], [[]], [new Date()], [true], [Symbol('s')]])(
    '%p is no source',
    async (source) => {
      expect(await rejection(loadModel(source))).toMatchObject({ code: 'argument', where: 'source' });
    },
  );
  test.each([
    [null, 'options'],
    [5, 'options'],
    [{ signal: {} }, 'signal'],
    [{ signal: null }, 'signal'],
    [{ onProgress: 1 }, 'onProgress'],
    [{ build: 'fast' }, 'build'],
    [{ wasm: new Uint8Array(8) }, 'wasm'],
    [{ limits: 5 }, 'limits'],
    [{ limits: { events: -1 } }, 'limits.events'],
    [{ limits: { bytes: 'many' } }, 'limits.bytes'],
  ])('options %p', async (options, where) => {
    expect(await rejection(loadModel(path, options))).toMatchObject({ code: 'argument', where });
  });
});

describe('aborting', () => {
  const abortError = expect.objectContaining({ name: 'AbortError' });
  test('before it began', async () => {
    await expect(loadModel(path, { signal: AbortSignal.abort() })).rejects.toEqual(abortError);
  });
  test('during a download that hangs', async () => {
    const controller = new AbortController();
    const load = loadModel(`${base}/never`, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(load).rejects.toEqual(abortError);
  });
  test('while a given stream hangs', async () => {
    const controller = new AbortController();
    let cancelled = false;
    const stream = new ReadableStream({
      start: (c) => c.enqueue(bytes.subarray(0, 100)),
      cancel: () => {
        cancelled = true;
      },
    });
    setTimeout(() => controller.abort(), 50);
    await expect(loadModel(stream, { signal: controller.signal })).rejects.toEqual(abortError);
    expect(cancelled).toBe(true);
  });
  test('between two pieces of a file', async () => {
    const controller = new AbortController();
    await expect(
      loadModel(feedModel, { signal: controller.signal, onProgress: () => controller.abort() }),
    ).rejects.toEqual(abortError);
  });
  test('with a reason of the caller’s', async () => {
    const reason = new Error('user left');
    await expect(loadModel(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
  test('afterwards everything still loads', async () => {
    (await loadModel(path, { signal: new AbortController().signal })).dispose();
  });
});

describe('the wasm module', () => {
  const file = (build) => join(root, `dist/siren-rope.${build}.wasm`);
  test.each(builds)('%s given by the host says itself which it is', async (build) => {
    const wasm = await WebAssembly.compile(readFileSync(file(build)));
    const model = await loadModel(path, { wasm });
    expect(model.info.build).toBe(build);
    expect((await loadModel(path, { wasm, build })).info.build).toBe(build);
    expect(await rejection(loadModel(path, { wasm, build: build === 'simd' ? 'relaxed' : 'simd' }))).toMatchObject({
      code: 'argument',
      where: 'build',
    });
  });
  test('auto takes relaxed where the engine has it', async () => {
    expect((await loadModel(path)).info.build).toBe(builds.at(-1));
  });
  test('another program’s module', async () => {
    const empty = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    expect(await rejection(loadModel(path, { wasm: empty }))).toMatchObject({ code: 'unsupported', where: 'wasm' });
  });
  test('its only import is the notice of growth', async () => {
    for (const build of ['simd', ...builds.slice(1)])
      expect(WebAssembly.Module.imports(await WebAssembly.compile(readFileSync(file(build))))).toEqual([
        { module: 'env', name: 'emscripten_notify_memory_growth', kind: 'function' },
      ]);
  });
  test('where HTML or nothing lies in its place, the error says so, and a later load works', async () => {
    for (const name of ['index.cjs', 'siren-rope.simd.wasm'])
      copyFileSync(join(root, 'dist', name), join(scratch, name));
    const { createRequire } = await import('node:module');
    const { loadModel } = createRequire(import.meta.url)(join(scratch, 'index.cjs'));
    const wasm = join(scratch, 'siren-rope.simd.wasm');
    const load = () => loadModel(path, { build: 'simd' });
    const codeOf = (promise) =>
      promise.then(
        () => 'none',
        ({ code, message, where }) => `${code}: ${message} (${where})`,
      );
    writeFileSync(wasm, '<!doctype html><title>lost</title>');
    expect(await codeOf(load())).toMatch(/^network: .*HTML.*siren-rope.simd.wasm/);
    writeFileSync(wasm, '');
    expect(await codeOf(load())).toMatch(/^network: /);
    writeFileSync(wasm, readFileSync(file('simd')).subarray(0, 5000));
    expect(await codeOf(load())).toMatch(/^unsupported: /);
    rmSync(wasm);
    expect(await codeOf(load())).toMatch(/^io: /);
    copyFileSync(file('simd'), wasm);
    expect((await load()).info.build).toBe('simd');
  });
});
