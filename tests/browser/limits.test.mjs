// limits.test.mjs: what the page weighs. Its first view, and all of it with the default model, fit into 600 KB as a host sends them
// (gzipped; 1 KB = 1000 bytes), as the server wrote down, and nothing is asked of any other machine. The ranking modules' own budget is
// scripts/check-sizes.mjs's.
import { readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { launch } from './browsers.mjs';
import { openPage, pageFolder, servePage } from './page.mjs';

const LIMIT = 600_000;
const here = fileURLToPath(new URL('../../', import.meta.url));
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
const lines = []; // printed at the end, in one piece
const print = (line) => lines.push(line);
afterAll(() => process.stderr.write(`${lines.join('\n')}\n`));

/** By ending: how many files, their bytes, and those gzipped. */
function tableOf(files) {
  const kinds = new Map();
  for (const { name, bytes, gzippedBytes } of files) {
    const kind = extname(name) || 'html';
    const [n, all, gzipped] = kinds.get(kind) ?? [0, 0, 0];
    kinds.set(kind, [n + 1, all + bytes, gzipped + gzippedBytes]);
  }
  const rows = [...kinds].sort(([, a], [, b]) => b[2] - a[2]);
  return rows.map(([kind, [n, bytes, gzipped]]) => `  ${kind.padEnd(14)} ${String(n).padStart(3)} files ${kb(bytes).padStart(11)}, gzipped ${kb(gzipped).padStart(10)}`).join('\n');
}

const gzipped = (files) => files.reduce((sum, { gzippedBytes }) => sum + gzippedBytes, 0);

describe('what the page fetches', () => {
  let server, browser;
  beforeAll(async () => {
    server = await servePage({ record: true });
    browser = await launch({ browser: 'chromium' });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Each file once, as a browser's cache has it: two modules and a worker may ask for the same. */
  const fetched = () => [...new Map(server.requests.map(({ path, ...rest }) => [path, { name: path, ...rest }])).values()];

  test('at its head, left alone; then from its head to its foot; from nowhere else', async () => {
    await openPage(browser, server, '');
    await new Promise((done) => setTimeout(done, 4000));
    const first = fetched();
    expect(first.filter(({ status }) => status !== 200)).toEqual([]);
    expect(first.length).toBeGreaterThan(5);
    await browser.evaluate(async () => {
      for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 3) {
        scrollTo({ top: y, behavior: 'instant' });
        await new Promise((done) => setTimeout(done, 150));
      }
    });
    await browser.waitFor(() => document.querySelector('.frame .empty') === null && document.querySelectorAll('#feed-list .row').length > 0);
    await new Promise((done) => setTimeout(done, 2000));
    const all = fetched();
    print(`the page’s first view fetches ${kb(gzipped(first))} gzipped:\n${tableOf(first)}`);
    print(`scrolled through, with the default model, ${kb(gzipped(all))} gzipped:\n${tableOf(all)}`);
    expect(all.filter(({ status }) => status !== 200)).toEqual([]);
    expect(gzipped(first)).toBeGreaterThan(150_000); // it was measured
    expect(gzipped(first)).toBeLessThanOrEqual(LIMIT);
    expect(gzipped(all)).toBeGreaterThanOrEqual(gzipped(first));
    expect(gzipped(all)).toBeLessThanOrEqual(LIMIT);
    expect(browser.elsewhere).toEqual([]);
    expect(await browser.errors()).toEqual([]);
    // Nothing of what is only wanted on demand: the trainer, the other model, the writer of SVG files.
    expect(all.map(({ name }) => name).filter((name) => /train|kuairand|svgcanvas/.test(name))).toEqual([]);
  });

  test('all six chapters, a training and a picture saved ask no other machine', async () => {
    await openPage(browser, server, '');
    for (let chapter = 1; chapter <= 6; chapter++) {
      await browser.evaluate((number) => document.querySelectorAll('.chapters button')[number - 1].click(), chapter);
      await new Promise((done) => setTimeout(done, 400));
    }
    await browser.click('#live-begin');
    await browser.waitFor(() => document.querySelector('#live progress')?.value > 5);
    await browser.click('#dials [aria-label$="save as SVG"]');
    await browser.evaluate(() => {
      const select = document.getElementById('model');
      select.value = 'kuairand';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await browser.waitFor(() => document.querySelector('.facts').textContent.includes('KuaiRand'));
    // Chromium itself asks after every file that anybody saves.
    expect(browser.elsewhere.filter((request) => !/^CONNECT sb-ssl\.google\.com:443$/.test(request))).toEqual([]);
    print(`with a training, the KuaiRand model and an SVG saved as well, ${kb(gzipped(fetched()))} gzipped`);
  });
});

test('what is built', () => {
  const files = readdirSync(pageFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const content = readFileSync(join(entry.parentPath ?? entry.path, entry.name));
      return { name: entry.name, bytes: content.length, gzippedBytes: gzipSync(content).length };
    });
  print(`all that is built:\n${tableOf(files)}`);
  expect(files.map(({ name }) => extname(name)).filter((kind) => !['.html', '.js', '.css', '.wasm', '.safetensors', '.json'].includes(kind))).toEqual([]);
  // Nothing of the build machine is in what goes out.
  for (const { name } of files.filter(({ name }) => /\.(html|js|css|json)$/.test(name))) {
    const path = name === 'index.html' ? name : join('assets', name);
    const text = readFileSync(join(pageFolder, path), 'utf8');
    expect({ name, found: [here, homedir(), 'sourceMappingURL'].filter((word) => text.includes(word)) }).toEqual({ name, found: [] });
  }
});
