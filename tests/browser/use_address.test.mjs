// The address: what is set with real controls is in it, and whoever opens it sees the same; whatever else is in it does no harm.
import { inEachBrowser } from './use_support.mjs';

const named = (words) => `[data-test-name="${words}"]`;

inEachBrowser((page) => {
  /** Sliders have no ids: they are marked by their words, once the page is there. */
  const mark = () => page.browser.evaluate(() => {
    for (const label of document.querySelectorAll('.slider, .toggle, .choice label')) {
      const legend = label.closest('fieldset')?.querySelector('legend')?.textContent;
      const words = label.querySelector('.name, span').textContent;
      label.control.dataset.testName = legend && legend !== 'On' ? `${legend}: ${words}` : words;
    }
  });
  /** Pictures as they are on the screen, and their numbers, by figure. */
  const pictures = async () => {
    const found = {};
    for (const id of await page.figureIds()) {
      await page.figure(id);
      await page.show(`#${id}`);
      await page.frames();
      found[id] = await page.browser.evaluate(async (name) => {
        const figure = document.getElementById(name);
        const text = [...figure.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()).join() + (figure.querySelector('.cursor')?.style.cssText ?? '');
        const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
        return { csv: figure.csv(), drawn: [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
      }, id);
    }
    return found;
  };

  test('says what was set, and shows it again where it is opened', async () => {
    await page.open();
    await mark();
    const first = await page.controls();
    await page.keys('.player select', 'ArrowDown');
    await page.browser.drag({ selector: '#scrubber', at: [0.4, 0.5] }, { selector: '#scrubber', at: [0.8, 0.5] });
    await page.click(named('Rotation of: the action attention'));
    await page.click(named('sine branch'));
    await page.click(named('unwrapped'));
    await page.click(named('Pairs: 1'));
    await page.click(named('Pairs: 6'));
    await page.click('#dials .meters li:nth-child(8)'); // pair 7, on its dial
    await page.keys(named('Events a day'), 'ArrowRight', 'ArrowRight');
    await page.keys(named('Moment of training'), 'ArrowLeft', 'ArrowLeft', 'ArrowLeft');
    await page.keys(named('Fast rhythm'), 'ArrowLeft', 'ArrowLeft');
    await page.keys(named('Slow rhythm'), 'ArrowRight');
    await page.keys(named('Part of the slow'), 'ArrowRight');
    await page.keys(named('How much time matters'), 'ArrowLeft');
    await page.keys(named('Seed'), 'ArrowRight');
    await page.figure('feed-history');
    await mark(); // the feed has come
    await page.browser.evaluate(() => {
      for (const label of document.querySelectorAll('input[name=person]')) label.dataset.testName = `person ${label.value}`;
    });
    await page.click(named('person 1'));
    await page.click('.chapters li:nth-child(5) button'); // sets the span and the branches back
    await page.browser.waitFor(() => document.querySelector('.player select').value === 'day');
    await page.keys('.player select', 'ArrowUp');
    await page.click(named('order (λ)'));
    await page.keys(named('Moment of training'), 'ArrowLeft', 'ArrowLeft');
    await page.figure('feed-history');
    await page.browser.waitFor(() => document.querySelector('#event-4'));
    await page.keys('#event-4', 'ArrowRight', 'l', 'ArrowDown');
    const address = await page.address();
    expect([...address.keys()].sort()).toEqual(
      ['chapter', 'day', 'edits', 'moment', 'order', 'pairs', 'perday', 'person', 'seed', 'span', 'strength', 't', 'week', 'weekshare'],
    );
    expect(Object.fromEntries(address)).toMatchObject({
      chapter: '5', day: '22', edits: '4lm30', order: '0', pairs: '0.2.3.6.7', perday: '3', person: '1', seed: '2', span: 'hour', strength: '0.95', week: '180', weekshare: '0.01',
    });

    const controls = await page.controls();
    expect(controls).not.toEqual(first);
    const shown = await pictures();
    await page.open(address.toString());
    await page.figure('feed-history');
    await page.browser.waitFor(() => document.querySelector('#event-4') !== null);
    expect(await page.controls()).toEqual(controls);
    const again = await pictures();
    expect(Object.keys(again)).toEqual(Object.keys(shown));
    for (const [id, { csv }] of Object.entries(shown)) expect([id, again[id].csv]).toEqual([id, csv]);
    const others = Object.keys(shown).filter((id) => again[id].drawn !== shown[id].drawn);
    expect(others).toEqual([]);
    expect((await page.address()).toString()).toBe(address.toString());
  });

  test('back and on go through what was set', async () => {
    await page.open();
    const at = (span, unwrapped) => page.browser.waitFor((...wanted) => {
      const toggle = [...document.querySelectorAll('.toggle')].find(({ textContent }) => textContent === 'unwrapped').control;
      return document.querySelector('.player select').value === wanted[0] && toggle.checked === wanted[1];
    }, [span, unwrapped]);
    await page.setState('span=week&unwrapped=1');
    await at('week', true);
    await page.setState('span=month&t=2024-02-02T02:02');
    await at('month', false);
    expect(await page.saidTime()).toBe(Date.UTC(2024, 1, 2, 2, 2));
    await page.browser.evaluate(() => history.back());
    await at('week', true);
    expect(await page.saidTime()).toBe(Date.UTC(2024, 0, 25, 8));
    await page.browser.evaluate(() => history.back());
    await at('day', false);
    await page.browser.evaluate(() => history.go(2));
    await at('month', false);
    expect(await page.saidTime()).toBe(Date.UTC(2024, 1, 2, 2, 2));
  });

  describe('hostile addresses', () => {
    const long = '7'.repeat(60_000);
    // What an address says is read by the page's own code: all of it is tried in one browser, what could be a browser's matter in each.
    const inAll = ([name]) => page.name === 'chromium' || !/bounds|numbers|times|^(constructor|__proto__|toString|javascript)/.test(name);
    test.each([
      ['junk', 't=yesterday&span=eternity&net=<script>alert(1)</script>&pairs=1.x&unwrapped=yes&sine=2&relu=-&order=&moment=last&person=me&edits=1x&chapter=one&day=noon&seed=π'],
      ['out of bounds', 't=1969-12-31T23:59&perday=1e9&pairs=99999&moment=-1&person=100&chapter=7&day=3&week=673&weekshare=1.1&strength=-0.1&seed=0&edits=3m999999'],
      ['impossible numbers', 't=2024-13-45T99:99&perday=NaN&pairs=0.1.2.3.4.5.6.7.8&moment=1.5&person=Infinity&chapter=-0.5&day=1e309&seed=1.5&edits=99999l'],
      ['huge', `t=${long}&span=${long}&pairs=${Array(9000).fill(1).join('.')}x&edits=${Array.from({ length: 3000 }, (_, i) => `${i}l`).join('.')}&model=&day=${long}`],
      ['broken escapes and foreign keys', '%E0%A4%A&=&&=x&__proto__=1&constructor=1&t=%00&span=%ff&hasOwnProperty=1#span=week'],
      ['times beyond the last', 't=2100-01-01T00:00'],
    ].filter(inAll))('%s: the page opens with its first values', async (_, text) => {
      await page.open();
      const first = await page.controls();
      const said = await page.saidTime();
      await page.open(text);
      expect(await page.controls()).toEqual(first);
      expect(await page.saidTime()).toBe(said);
      expect(await page.has('[role=alert]')).toBe(false);
      await page.keys('#scrubber', 'ArrowRight');
      expect(await page.saidTime()).toBeGreaterThan(said);
    });

    test('what is in bounds and not in the model is left out', async () => {
      await page.open('moment=9999&person=99&pairs=0.4096&edits=9999lrm-5&t=2098-12-31T23:59&perday=48&span=season');
      const { head } = await page.figure('lines');
      expect(head).toEqual(['time (UTC)', 'pair 0']);
      await page.figure('feed-history');
      await page.waitForText('#feed-status', 'ranked in');
      await page.click('.player [aria-label^="Later"]'); // not beyond the last time
      expect(await page.saidTime()).toBeLessThan(4.1e12 + 1);
      expect(await page.has('[role=alert]')).toBe(false);
    });

    test.each([
      ['constructor', 'a name of every object'],
      ['__proto__', 'another'],
      ['toString', 'another'],
      ['http://[', 'no address'],
      ['javascript:alert(1)', 'a script'],
      ['file:///etc/hostname', 'a file of the device'],
      ['file', 'a file that was dropped on another page'],
      ['../../../../nothing.safetensors', 'nothing'],
    ].filter(inAll))('model=%s, %s: says so and shows the first model', async (model) => {
      page.expectErrors(/404|Failed to load|Not allowed|Security|Cross-Origin|cannot load|can't|Fetch API|not loaded|URL/i);
      await page.open(`model=${encodeURIComponent(model)}&span=week`);
      await page.waitForText('.problem[role=alert]', 'could not be used');
      expect(await page.text('.problem')).toMatch(/(network|argument)\b.*:/);
      await page.browser.waitFor(() => document.querySelector('#model').value === 'rhythm');
      expect((await page.figure('heat')).head).toHaveLength(9);
      expect(await page.has('.problem[role=alert]')).toBe(true); // it stays
      expect((await page.address()).toString()).toBe('span=week');
      await page.click('.problem button');
      expect(await page.has('.problem')).toBe(false);
    });
  });
});
