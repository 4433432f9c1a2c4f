// Other readers' screens: dark, spare with motion, and a small one under a finger.
import { readPixels } from './pixels.mjs';
import { inEachBrowser, wait } from './use_support.mjs';

const LIGHT = { page: [0xf4, 0xf6, 0xf8], panel: [0xff, 0xff, 0xff], learned: [0x0b, 0x62, 0xa8] };
const DARK = { page: [0x12, 0x17, 0x1d], panel: [0x1a, 0x21, 0x2a], learned: [0x6c, 0xb8, 0xf5] };

inEachBrowser((page) => {
  /** How many pixels of a figure's canvases have just that colour. */
  const count = (id, color) => page.browser.evaluate((name, [r, g, b]) => {
    let found = 0;
    for (const canvas of document.querySelectorAll(`#${name} canvas`)) {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) <= 4) found++;
    }
    return found;
  }, id, color);
  const looks = async ({ page: ground, learned }, { learned: other }) => {
    const [body, scheme] = await page.browser.evaluate(() => [getComputedStyle(document.body).backgroundColor, matchMedia('(prefers-color-scheme: dark)').matches]);
    expect(body).toBe(`rgb(${ground.join(', ')})`);
    expect(scheme).toBe(ground === DARK.page);
    for (const id of ['dials', 'kernel']) {
      await page.figure(id);
      await page.show(`#${id}`);
      await page.browser.waitFor((name) => document.querySelector(`#${name} canvas`).width > 300, [id]);
      await page.frames();
      expect([id, (await count(id, learned)) > 100, await count(id, other)]).toEqual([id, true, 0]);
    }
    await page.browser.evaluate(() => scrollTo(0, 0));
    const pixels = readPixels(await page.browser.screenshot());
    expect(pixels.at(3, 300).every((v, i) => Math.abs(v - ground[i]) <= 2)).toBe(true);
  };
  /** Animations that run while the feed is put in another order and the tour goes on; and how far it was scrolled at once. */
  const motion = async () => {
    await page.figure('feed-history');
    await page.browser.waitFor(() => document.querySelector('#feed-list .why')?.textContent !== '' && document.querySelector('#feed-list .why') !== null);
    await page.show('#feed-list');
    return page.browser.evaluate(async () => {
      let most = 0;
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      for (const button of document.querySelectorAll('[aria-label="Ask at"] button')) {
        button.click();
        for (let i = 0; i < 20; i++) {
          await frame();
          most = Math.max(most, document.getAnimations().filter(({ playState }) => playState === 'running').length);
        }
      }
      const before = scrollY;
      document.querySelector('.chapters li:nth-child(2) button').click();
      await frame();
      await frame();
      const soon = scrollY;
      await new Promise((done) => setTimeout(done, 2000));
      return { most, before, atOnce: Math.abs(soon - scrollY) < 200, moved: Math.abs(scrollY - before) > 300 };
    });
  };

  test('light, with motion', async () => {
    await page.open('chapter=0');
    await looks(LIGHT, DARK);
    const { most, ...scrolling } = await motion();
    expect(most).toBeGreaterThan(0); // of the feed's rows
    expect(scrolling).toMatchObject({ atOnce: false, moved: true });
  });

  test('dark, spare with motion', async () => {
    await page.open('chapter=0', { dark: true, reducedMotion: true });
    await looks(DARK, LIGHT);
    expect(await motion()).toMatchObject({ most: 0, atOnce: true, moved: true });
    const still = await page.browser.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
      const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(element);
      return animationName !== 'none' || parseFloat(transitionDuration) > 0 || scrollBehavior === 'smooth';
    }).length);
    expect(still).toBe(0);
  });

  test('pictures follow when the screen turns dark, where the driver can turn it', async () => {
    if (!page.browser.can.media) {
      expect(page.name).not.toBe('chromium'); // Firefox and WebKitGTK are dark from their start on, or not
      return;
    }
    await page.open('chapter=0');
    await page.figure('dials');
    await page.browser.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await page.browser.waitFor(() => getComputedStyle(document.body).backgroundColor === 'rgb(18, 23, 29)');
    await page.frames();
    await page.frames();
    expect([(await count('dials', DARK.learned)) > 100, await count('dials', LIGHT.learned)]).toEqual([true, 0]);
  });

  describe('a finger, 360 × 740', () => {
    const touch = { touch: true, width: 360, height: 740 };
    const here = () => {
      if (page.browser.can.touch) return true;
      expect(page.name).toBe('webkit'); // its driver has no touch screen
      return false;
    };
    const first = Date.UTC(2024, 0, 25, 8);

    test('scrubs, in the slider and in a picture; taps buttons, chips and switches; nothing is wider than the screen', async () => {
      if (!here()) return;
      await page.open('chapter=0', touch);
      await page.browser.drag({ selector: '#scrubber', at: [1 / 3, 0.5] }, { selector: '#scrubber', at: [0.75, 0.5] });
      expect(Math.abs((await page.saidTime()) - (first + 10 * 3_600_000))).toBeLessThan(3_600_000);
      await page.browser.click('.back');
      expect(await page.saidTime()).toBe(first);
      await page.figure('heat');
      await page.show('#heat .frame');
      await page.browser.drag({ selector: '#heat .frame', at: [0.5, 0.5] }, { selector: '#heat .frame', at: [0.9, 0.5] });
      await page.frames();
      expect(await page.saidTime()).toBeGreaterThan(first + 10 * 3_600_000);
      await page.show('#lines .chips');
      await page.browser.click('#lines .chip:nth-of-type(6) input');
      expect((await page.figure('lines')).head).toContain('pair 5');
      await page.show('#heat .tools');
      await page.browser.click('#heat .tools button:nth-of-type(2)');
      await page.browser.waitFor(() => document.querySelector('#heat-panel tbody') !== null);
      await page.browser.click('.play');
      await page.browser.waitFor((time) => document.querySelector('.player .time').textContent !== time, [await page.text('.player .time')]);
      await page.browser.click('.play');
      for (const id of await page.figureIds()) await page.figure(id);
      expect(await page.browser.evaluate(() => document.scrollingElement.scrollWidth)).toBeLessThanOrEqual(360);
    });

    test('opens a list, and chooses in it', async () => {
      if (!here()) return;
      await page.open('chapter=0', touch);
      await page.browser.evaluate(() => {
        window.pressed = false;
        document.querySelector('.player select').addEventListener('pointerdown', ({ pointerType, isTrusted }) => { window.pressed = isTrusted && pointerType; });
      });
      await page.browser.click('.player select');
      expect(await page.browser.evaluate(() => window.pressed)).toBe('touch'); // the list itself is the browser's own window, and no driver's
      if (page.name === 'firefox') return; // its driver's keys do not reach that window, which stays open
      await page.browser.press('Escape');
      await page.keys('.player select', 'ArrowDown');
      expect(await page.browser.evaluate(() => document.querySelector('.player select').value)).toBe('week');
    });

    test('scrolls the page over pictures, up and down', async () => {
      if (!here()) return;
      if (page.name === 'firefox') return; // its driver's touches reach the page, but no scrolling comes of them
      await page.open('chapter=0', touch);
      for (const id of ['heat', 'lines', 'dials', 'feed-history']) {
        await page.figure(id);
        await page.show(`#${id} .frame`);
        const before = await page.browser.evaluate(() => scrollY);
        const said = await page.saidTime();
        const { left, middle } = await page.browser.evaluate((name) => {
          const box = document.querySelector(`#${name} .frame`).getBoundingClientRect();
          return { left: box.left + 20, middle: Math.min(innerHeight - 250, Math.max(260, box.top + box.height / 2)) };
        }, id);
        await page.browser.drag({ x: left, y: middle }, { x: left, y: middle - 200 }, { steps: 12 });
        await wait(300);
        expect([id, (await page.browser.evaluate(() => scrollY)) - before > 120]).toEqual([id, true]);
        if (['dials', 'feed-history'].includes(id)) expect(await page.saidTime()).toBe(said);
      }
    });
  });
});
