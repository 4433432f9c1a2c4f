// The drivers themselves, on a page of their own: every promise of browsers.mjs, server.mjs and frames.mjs that the tests of
// the interactive page lean on, in all three browsers. A browser that is not there is a failure.
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from './browsers.mjs';
import { measureFrames, summarize, timeToInteractive } from './frames.mjs';
import { readPixels } from './pixels.mjs';
import { serve } from './server.mjs';

const folder = fileURLToPath(new URL('fixtures/', import.meta.url));
const base = '/some/where/';
const seen = (browser) => browser.evaluate(() => window.seen);
const near = (color, wanted) => color.every((value, i) => Math.abs(value - wanted[i]) <= 2);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(['chromium', 'firefox', 'webkit'])('%s', (name) => {
  let server, browser;
  beforeAll(async () => {
    server = await serve({ folder, base, record: true });
    browser = await launch({ browser: name });
  }, 200_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(() => browser.open(server.url));

  test('opens a page under its base path, at the size asked for', async () => {
    expect(await browser.evaluate(() => [location.href, document.readyState])).toEqual([server.url, 'complete']);
    for (const [width, height] of [[320, 500], [1280, 800]]) {
      await browser.open(`${server.url}?size=${width}`, { width, height });
      expect(await browser.evaluate(() => [innerWidth, innerHeight])).toEqual([width, height]);
    }
  });

  test('calls functions in the page, async ones too, and throws what they throw', async () => {
    expect(await browser.evaluate((a, { b }) => a + b, 1, { b: 2 })).toBe(3);
    expect(await browser.evaluate(async (ms) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ['late', null, '✓'];
    }, 50)).toEqual(['late', null, '✓']);
    expect(await browser.evaluate(() => undefined)).toBeUndefined();
    await expect(browser.evaluate(() => document.nothing.more)).rejects.toThrow(/in the page: TypeError/);
  });

  test('waits, and not for ever', async () => {
    await browser.evaluate(() => setTimeout(() => { window.later = 7; }, 200));
    expect(await browser.waitFor((n) => window.later + n, [1])).toBe(8);
    await expect(browser.waitFor(() => false, [], 200)).rejects.toThrow(/not within 200 ms/);
  });

  test('clicks what must be scrolled to first', async () => {
    await browser.click('#far');
    expect((await seen(browser)).clicks).toBe(1);
  });

  test('will not click what is covered', async () => {
    await browser.evaluate(() => {
      const cover = document.createElement('p');
      cover.style.cssText = 'position: fixed; inset: 0; margin: 0';
      document.body.append(cover);
    });
    await expect(browser.click('#far')).rejects.toThrow(/cannot be pointed at/);
  });

  test('presses keys and types', async () => {
    await browser.press('Control+z');
    await browser.press('ArrowLeft');
    expect((await seen(browser)).keys).toEqual([
      { key: 'Control', ctrlKey: true, shiftKey: false, isTrusted: true },
      { key: 'z', ctrlKey: true, shiftKey: false, isTrusted: true },
      { key: 'ArrowLeft', ctrlKey: false, shiftKey: false, isTrusted: true },
    ]);
    await browser.click('#text');
    await browser.type('Früh 7+1');
    await browser.press('Home');
    await browser.press('Shift+a');
    expect(await browser.evaluate(() => document.querySelector('#text').value)).toBe('AFrüh 7+1');
    await browser.press('Shift+Tab');
    expect(await browser.evaluate(() => document.activeElement.id)).toBe('far');
  });

  test('drags with real pointer events', async () => {
    await browser.drag({ selector: '#pad', at: [0.25, 0.5] }, { x: 30, y: 310 });
    const { pointer } = await seen(browser);
    expect(pointer.every(({ pointerType, isTrusted }) => pointerType === 'mouse' && isTrusted)).toBe(true);
    const down = pointer.findIndex(({ type }) => type === 'pointerdown');
    expect(pointer[down]).toMatchObject({ at: [150, 150], buttons: 1 });
    expect(pointer.at(-1)).toMatchObject({ type: 'pointerup', at: [30, 310], buttons: 0 });
    expect(pointer.slice(down).filter(({ type, buttons }) => type === 'pointermove' && buttons === 1).length).toBeGreaterThan(2);
  });

  test('stops in the middle of a drag', async () => {
    let middle;
    const hold = async () => { middle = (await seen(browser)).pointer.at(-1); };
    await browser.drag('#pad', { x: 30, y: 310 }, { hold });
    expect(middle).toMatchObject({ type: 'pointermove', at: [30, 310], buttons: 1 });
    expect((await seen(browser)).pointer.at(-1).type).toBe('pointerup');
  });

  test('taps and drags with a finger, or says that it cannot', async () => {
    if (!browser.can.touch) {
      await expect(browser.open(server.url, { touch: true })).rejects.toThrow(/no touch screen/);
      return;
    }
    await browser.open(server.url, { touch: true, width: 390, height: 800 });
    await browser.drag('#pad', { x: 30, y: 310 });
    await browser.click('#far');
    await browser.waitFor(() => window.seen.clicks === 1);
    const { pointer } = await seen(browser);
    expect(pointer.every(({ pointerType, isTrusted }) => pointerType === 'touch' && isTrusted)).toBe(true);
    expect(pointer.at(-1)).toMatchObject({ type: 'pointerup', at: [30, 310] });
  });

  test('drops and chooses files', async () => {
    await browser.dropFile('#pad', 'events.csv', Uint8Array.of(0, 127, 255), 'text/csv');
    await browser.chooseFile('#file', 'more.bin', Buffer.from('ab'));
    await browser.waitFor(() => window.seen.files.length === 2);
    expect((await seen(browser)).files).toEqual(expect.arrayContaining([['events.csv', 'text/csv', [0, 127, 255]], ['more.bin', '', [97, 98]]]));
    await expect(browser.dropFile('#far', 'x', Uint8Array.of(1))).rejects.toThrow(/lets nothing be dropped/);
  });

  test('takes screenshots, dark ones too, and is spare with motion', async () => {
    const motion = () => browser.evaluate(() => matchMedia('(prefers-reduced-motion: reduce)').matches);
    for (const [dark, reducedMotion, background] of [[false, false, [0, 200, 100]], [true, true, [20, 30, 40]], [false, true, [0, 200, 100]]]) {
      await browser.open(server.url, { width: 500, height: 400, dark, reducedMotion });
      const pixels = readPixels(await browser.screenshot());
      expect([pixels.width, pixels.height]).toEqual([500, 400]);
      expect(pixels.at(450, 350)).toSatisfyNear(background);
      expect(pixels.at(200, 150)).toSatisfyNear([250, 0, 0]);
      expect(await motion()).toBe(reducedMotion);
    }
  });

  test('collects errors, from the first line on', async () => {
    await browser.evaluate(() => {
      setTimeout(() => { throw new RangeError('thrown in a timer'); });
      Promise.reject(new Error('nobody caught it'));
      new Image().src = 'https://example.net/not-allowed.png';
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.head.append(script);
    });
    await wait(500);
    const errors = await browser.errors();
    const has = (kinds, pattern) => expect(errors).toContainEqual({
      kind: expect.stringMatching(kinds),
      text: expect.stringMatching(pattern),
    });
    has(/console/, /an early/);
    has(/page/, /thrown in a timer/);
    has(/page/, /nobody caught it/);
    has(/page|console/, /Content[ -]Security[ -]Policy.*img-src|img-src.*Content[ -]Security[ -]Policy|example\.net.*img-src/);
    expect(await browser.evaluate(() => window.ran)).toBeUndefined();
    await browser.open(server.url);
    expect(await browser.errors()).toHaveLength(1); // the early one
  });

  test('tells what is asked of other machines, by a worker too, and answers none of it', async () => {
    const answer = await browser.evaluate(async () => {
      const worker = new Worker('worker.mjs', { type: 'module' });
      const inWorker = await new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage({ ask: 'https://worker.example/model' });
      });
      return [inWorker, await fetch('http://page.example/path').then(({ status }) => status, () => 'refused')];
    });
    expect(answer.every((got) => got === 'refused' || got === 502)).toBe(true);
    expect([...new Set(browser.elsewhere)].sort()).toEqual(['CONNECT worker.example:443', 'GET http://page.example/path']);
    await browser.open(server.url);
    expect(browser.elsewhere).toEqual([]);
  });

  test('compiles SIMD WebAssembly and runs module workers under the strict policy', async () => {
    const found = await browser.evaluate(async () => {
      const simd = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);
      const module = await WebAssembly.compile(simd);
      const worker = new Worker('worker.mjs', { type: 'module' });
      const answer = new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
      });
      worker.postMessage(21);
      return [module instanceof WebAssembly.Module, await answer];
    });
    expect(found).toEqual([true, 42]);
  });

  test('says when the page is interactive', async () => {
    const ms = await timeToInteractive(browser, server.url);
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThan(30_000);
  });

  test('the server writes down what it served', async () => {
    await browser.evaluate(() => fetch('no-such-file.json'));
    const { requests } = server;
    expect(requests).toContainEqual({ method: 'GET', path: 'double.mjs', status: 200, bytes: statSync(`${folder}double.mjs`).size, gzippedBytes: expect.any(Number) });
    expect(requests).toContainEqual(expect.objectContaining({ path: 'no-such-file.json', status: 404 }));
  });
});

describe('frames', () => {
  let server, browser;
  beforeAll(async () => {
    server = await serve({ folder, base });
    browser = await launch({ browser: 'chromium' });
    await browser.open(server.url);
  }, 200_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const busy = (everyMs, ms, times) => browser.evaluate(async (everyMs, ms, times) => {
    for (let i = 0; i < times; i++) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      for (const end = performance.now() + ms; performance.now() < end;);
    }
  }, everyMs, ms, times);

  test('every busy task is in one frame', async () => {
    const found = await measureFrames(browser, () => busy(200, 60, 5));
    expect(found.ms.filter((ms) => ms >= 60)).toHaveLength(5);
    expect(found.longestTask).toBeGreaterThanOrEqual(60);
    expect(found.max).toBeGreaterThanOrEqual(found.longestTask);
    expect(found.ms).toHaveLength(found.frames);
    expect(found.cpu.p50).toBeLessThanOrEqual(found.p50);
    expect(found.seconds).toBeGreaterThan(1.3);
    expect(found.frames).toBeGreaterThan(20); // also where nothing is drawn
  });

  test('small tasks of one frame add up', async () => {
    // Messages come in before the next frame: none of the tasks is long, their sum is.
    const found = await measureFrames(browser, () => browser.evaluate(async () => {
      const { port1, port2 } = new MessageChannel();
      await new Promise((resolve) => {
        let left = 200;
        port2.onmessage = () => {
          for (const end = performance.now() + 2; performance.now() < end;);
          if (--left > 0) port1.postMessage(0);
          else resolve();
        };
        port1.postMessage(0);
      });
    }));
    expect(found.ms.reduce((sum, ms) => sum + ms)).toBeGreaterThan(400);
    expect(found.p95).toBeGreaterThan(8);
  });

  test('a quiet page is quiet', async () => {
    const { cpu } = await measureFrames(browser, () => wait(1000));
    expect(cpu.p50).toBeLessThan(8);
  });

  test('nested and doubly reported tasks count once, those of other threads not at all', () => {
    const task = (ts, dur, tid = 1, name = 'RunTask') => ({ name, ph: 'X', cat: 'toplevel', pid: 9, tid, ts, dur, tdur: dur / 2 });
    const mark = (name, ts) => ({ name, ph: 'I', cat: 'blink.user_timing', pid: 9, tid: 1, ts });
    const frame = (ts) => ({ name: 'FireAnimationFrame', ph: 'X', cat: 'devtools.timeline', pid: 9, tid: 1, ts, dur: 1 });
    const found = summarize([
      { name: 'thread_name', ph: 'M', cat: '__metadata', pid: 9, tid: 1, ts: 0, args: { name: 'CrRendererMain' } },
      task(0, 900), // before
      task(1000, 1000), mark('begin', 1500),
      task(3000, 4000), task(3000, 4000, 1, 'ThreadControllerImpl::RunTask'), task(4000, 1000), // one, and one in it
      task(3500, 9000, 2), // another thread's
      task(10_000, 2000), frame(10_500), task(13_000, 500),
      task(20_000, 1000), mark('end', 20_500),
    ], ['begin', 'end']);
    expect(found.ms).toEqual([5, 2.5]);
    expect(found).toMatchObject({ p50: 2.5, max: 5, longestTask: 4, cpu: { max: 2.5 }, seconds: 0.019 });
  });
});

expect.extend({
  toSatisfyNear: (color, wanted) => ({ pass: near(color, wanted), message: () => `${color} is not near ${wanted}` }),
});
