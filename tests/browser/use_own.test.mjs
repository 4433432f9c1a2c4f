// The reader's own model: dropped, chosen or by its address; what is wrong with one is said and the old model stays; and it goes
// nowhere.
import { mkdtempSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { badFiles, inCheckout, readModel } from './use_model_files.mjs';
import { inEachBrowser } from './use_support.mjs';

const INPUT = '#drop input[type=file]';

inEachBrowser((page) => {
  const facts = () => page.browser.evaluate(() => Object.fromEntries([...document.querySelectorAll('.facts > div')].map((row) => [...row.children].map(({ textContent }) => textContent))));
  const isOpen = (name) => page.browser.waitFor((wanted) => document.querySelector('.facts dd')?.textContent === wanted, [name]);
  const chosenModel = () => page.browser.evaluate(() => document.querySelector('#model').selectedOptions[0].textContent);

  describe('a file', () => {
    test.each([
      ['siren-small.safetensors', 'tests/golden/vectors/siren-small/model.safetensors', 'drop', 'siren'],
      ['ordinal-small.safetensors', 'tests/golden/vectors/ordinal-small/model.safetensors', 'choose', 'ordinal'],
      ['torope-small.safetensors', 'tests/golden/vectors/torope-small/model.safetensors', 'drop', 'torope'],
      ['kuai <b>rand</b>.safetensors', 'models/kuairand-excerpt.safetensors', 'choose', 'siren'],
    ].filter(([, , how]) => page.name === 'chromium' || how === 'choose'))('%s: opens and is in every picture, and no request carries it', async (name, path, how, variant) => {
      await page.open('span=week&moment=3');
      await page.figure('feed-history'); // all that the page fetches for its own feed has come
      await page.waitForText('#feed-status', 'ranked in');
      await page.show('#drop');
      const before = page.server.requests.length;
      await (how === 'drop' ? page.browser.dropFile('#drop', name, readModel(path)) : page.browser.chooseFile(INPUT, name, readModel(path)));
      await isOpen(name);
      const { variant: said, 'pairs P, angles A': sizes } = await facts();
      expect(said).toBe(variant);
      expect(await chosenModel()).toBe(name);
      expect(await page.has('.problem, select b')).toBe(false);
      const pairs = Number(sizes.split(',')[0]);
      const { head, rows } = await page.figureWhere('heat', (found) => found.head.length === pairs + 1);
      expect(rows.flat().slice(1, 40).filter((v) => typeof v === 'number').every(Number.isFinite)).toBe(true);
      expect(head).toHaveLength(pairs + 1);
      expect((await page.figureWhere('dials', (found) => found.rows.length === pairs)).rows.flat().every(Number.isFinite)).toBe(true);
      expect((await page.text('#view-angles')).includes('its rotation is fixed')).toBe(variant !== 'siren');
      expect(await page.text('#view-training')).toMatch(/no history of its training/);
      await page.figure('scores');
      await page.waitForText('#feed-status', 'ranked in');
      expect(Object.fromEntries(await page.address())).toEqual({ model: 'file', span: 'week' });
      expect(page.server.requests.slice(before)).toEqual([]);
    });

    test('a bad one is refused with its code and place, and the old model stays and works', async () => {
      await page.open('span=week');
      const { rows } = await page.figure('heat');
      const words = await page.text('.facts');
      await page.show('#drop');
      for (const [index, [what, bytes, code, place]] of badFiles.entries()) {
        const name = `${what}.safetensors`;
        await (index % 2 ? page.browser.dropFile('#drop', name, bytes) : page.browser.chooseFile(INPUT, name, bytes));
        await page.waitForText('.problem[role=alert]', name);
        const message = await page.text('.problem');
        expect([what, message]).toEqual([what, expect.stringMatching(new RegExp(`could not be used\\. .{30,}${code}.*: .{10,}`, 's'))]);
        expect([what, message]).toEqual([what, expect.stringMatching(place)]);
        expect(await page.browser.evaluate(() => document.querySelectorAll('.problem').length)).toBe(1);
      }
      expect(await page.text('.facts')).toBe(words);
      expect(await chosenModel()).toBe('Planted rhythm');
      expect((await page.figure('heat')).rows).toEqual(rows);
      const before = await page.figure('dials');
      await page.keys('#scrubber', 'ArrowRight', 'ArrowRight');
      await page.figureWhere('dials', (found) => found.rows[3][1] !== before.rows[3][1]);
      expect((await page.address()).has('model')).toBe(false);

      await page.browser.dropFile('#drop', 'good.safetensors', readModel('models/planted-rhythm.safetensors'));
      await isOpen('good.safetensors');
      expect(await page.has('.problem')).toBe(false); // the old message goes
    });

    // No driver can drop a folder: what a browser does with one is made in the page, a file that cannot be read.
    test('a folder, or a file that is gone meanwhile, is no silence', async () => {
      await page.open();
      await page.browser.evaluate(() => {
        File.prototype.arrayBuffer = () => Promise.reject(new DOMException('The requested file could not be read', 'NotReadableError'));
      });
      await page.browser.dropFile('#drop', 'folder', Buffer.from('x'));
      await page.waitForText('.problem[role=alert]', 'folder');
      expect(await page.text('.problem')).toMatch(/could not read it.*could not be read/s);
      expect((await page.figure('dials')).rows).toHaveLength(8);
    });
  });

  describe('an address', () => {
    let folder, near, allowing, refusing;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'siren-rope-own-'));
      copyFileSync(inCheckout('tests/golden/vectors/siren-small/model.safetensors'), join(folder, 'small.safetensors'));
      writeFileSync(join(folder, 'page.html'), '<!doctype html><title>a page</title>');
      [allowing, refusing] = [await page.serve({ folder, cors: true, record: true }), await page.serve({ folder, record: true })];
      near = `${page.server.url}${page.server.requests.find(({ path }) => path.endsWith('.safetensors') && !path.includes('moments')).path}`;
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const give = async (url) => {
      await page.show('.address');
      await page.browser.click('.address input');
      await page.browser.evaluate(() => document.querySelector('.address input').select());
      await page.browser.type(url);
      await page.browser.press('Enter');
    };

    test('of the same server, and of another that allows it, opens; it is in the page’s address', async () => {
      await page.open();
      for (const url of [near, `${allowing.url}small.safetensors`]) {
        await give(url);
        await isOpen(url);
        expect(await page.has('.problem')).toBe(false);
        expect((await page.address()).get('model')).toBe(url);
        expect((await page.figureWhere('dials', ({ rows }) => url === near ? rows.length === 8 : rows.length !== 8)).rows.flat().every(Number.isFinite)).toBe(true);
      }
      await page.open((await page.address()).toString());
      await isOpen(`${allowing.url}small.safetensors`);
      expect(allowing.requests.map(({ method, status }) => [method, status])).toEqual([['GET', 200], ['GET', 200]]);
    });

    test('that cannot be read, or is no model, is said, and the old model stays and works', async () => {
      page.expectErrors(/404|Failed to load|CORS|Cross-Origin|cross-origin|Access-Control|can't|not loaded|Fetch API/i);
      await page.open('model=kuairand&t=2022-05-05T05:05');
      await isOpen('KuaiRand excerpt');
      const before = await page.figure('dials');
      for (const [url, pattern] of [
        [`${refusing.url}small.safetensors`, /network.*(CORS)/s],
        [`${allowing.url}nothing.safetensors`, /network.*404/s],
        [`${allowing.url}page.html`, /no \.safetensors file.*format/s],
        [`${refusing.url}small.safetensors`, /network.*(CORS)/s], // once more: it is tried again
      ]) {
        const asked = allowing.requests.length + refusing.requests.length;
        await give(url);
        await page.waitForText('.problem[role=alert]', url);
        expect(await page.text('.problem')).toMatch(pattern);
        await page.browser.waitFor(() => document.querySelector('#model').value === 'kuairand');
        expect(allowing.requests.length + refusing.requests.length).toBe(asked + 1);
        await page.browser.evaluate(() => document.querySelector('.problem button').click());
      }
      expect(await page.text('.facts dd')).toBe('KuaiRand excerpt');
      await page.setState('model=kuairand&t=2022-05-05T05:05');
      const after = await page.figureWhere('dials', ({ rows }) => rows[0][5] === before.rows[0][5]);
      expect(after).toEqual(before);
      await page.keys('#scrubber', 'ArrowRight');
      await page.figureWhere('dials', ({ rows }) => rows[0][5] !== before.rows[0][5]);
    });
  });
});
