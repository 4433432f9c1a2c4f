// The page with the keyboard alone: everything can be reached with the Tab key, is seen when it has the focus, and does what it is
// for.
import { inEachBrowser } from './use_support.mjs';

const MOST_TABS = 250;
const MINUTE = 60_000;
const FIRST_TIME = Date.UTC(2024, 0, 25, 8);

/** What has the focus: a way to name it, and whether it is seen. */
function focused() {
  const element = document.activeElement;
  if (element === document.body || element === document.documentElement) return null;
  const { left, top, width, height } = element.getBoundingClientRect();
  const ringed = element.type === 'file' ? element.closest('label') : element; // its label shows it
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(ringed);
  const at = document.elementFromPoint(left + width / 2, top + Math.min(height, innerHeight / 2) / 2);
  return {
    number: element.dataset.testNumber === undefined ? null : Number(element.dataset.testNumber), // none: it came meanwhile, as the buttons of an event do
    html: element.outerHTML.slice(0, 160),
    ring: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && !/, 0\)$|transparent/.test(outlineColor),
    covered: !at || !(ringed.contains(at) || element.contains(at) || at.closest('label')?.contains(element) || at.contains(element)) ? (at?.outerHTML.slice(0, 120) ?? 'outside') : null,
    inPlayerOrAbove: element.closest('.player') !== null || top + height <= document.querySelector('.player').getBoundingClientRect().top + 1,
  };
}

/** All that a reader must be able to reach: of a group of radio buttons the one that is chosen. */
function controls() {
  return [...document.querySelectorAll('a[href], button, input, select, [tabindex="0"]')]
    .filter((element) => !element.disabled && element.tabIndex >= 0 && element.getClientRects().length > 0 && !(element.type === 'radio' && !element.checked))
    .map((element, number) => {
      element.dataset.testNumber = number;
      return { number, html: element.outerHTML.slice(0, 160) };
    });
}

inEachBrowser((page) => {
  const press = async (...keys) => {
    for (const key of keys) await page.browser.press(key);
  };
  const focusedText = () => page.browser.evaluate(() => document.activeElement.textContent);
  /** WebKitGTK's window is never in front where no window manager is: its page says what has the focus, and draws nothing of it. */
  const drawsFocus = page.name !== 'webkit';
  const hasFocus = (selector) => page.browser.evaluate((what) => document.activeElement.matches(what), selector);
  /** Presses Tab until this has the focus: nothing else puts it there. */
  const tabTo = async (selector, key = 'Tab') => {
    for (let i = 0; i < MOST_TABS; i++) {
      await press(key);
      if (await hasFocus(selector)) return;
    }
    throw new Error(`${key} does not come to ${selector}`);
  };
  const value = (selector) => page.browser.evaluate((what) => document.querySelector(what).value, selector);
  const checked = (selector) => page.browser.evaluate((what) => document.querySelector(what).checked, selector);

  test('Tab reaches everything, in the page’s order, and one sees where one is', async () => {
    await page.open();
    for (const id of await page.figureIds()) await page.figure(id); // all is there
    await page.waitForText('#feed-status', 'explained in');
    await page.browser.evaluate(() => {
      for (const button of document.querySelectorAll('#heat .tools button, #feed-list ~ .behind .tools button')) if (button.textContent === 'Table') button.click();
      scrollTo(0, 0);
    });
    await page.frames();
    const wanted = await page.browser.evaluate(controls);
    expect(wanted.length).toBeGreaterThan(90);
    const reached = [];
    for (let i = 0; i < MOST_TABS; i++) {
      await press('Tab');
      const found = await page.browser.evaluate(focused);
      if (!found) break;
      reached.push(found);
      if (found.number === wanted.at(-1).number) break; // the next is the browser's own
    }
    const numbers = reached.map(({ number }) => number).filter((number) => number !== null);
    expect(wanted.filter(({ number }) => !numbers.includes(number))).toEqual([]);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    const isSkip = ({ html }) => html.includes('class="skip"'); // out of sight until it has the focus
    if (drawsFocus) expect(reached.filter(({ ring }) => !ring)).toEqual([]);
    else expect(await page.browser.evaluate(() => document.hasFocus())).toBe(false); // else this test looks at too little
    expect(reached.filter((one) => one.covered && (drawsFocus || !isSkip(one)))).toEqual([]);
    expect(reached.filter(({ inPlayerOrAbove, html }) => !inPlayerOrAbove && !/^<article|class="table"/.test(html))).toEqual([]);
  });

  test('head: the skip link, models, the tour, starting over', async () => {
    await page.open('span=week');
    await press('Tab');
    expect(await focusedText()).toMatch(/^Skip/);
    const { width, height } = await page.browser.evaluate(() => document.activeElement.getBoundingClientRect());
    if (drawsFocus) {
      const { left } = await page.browser.evaluate(() => document.activeElement.getBoundingClientRect());
      expect([Math.min(width, height) > 20, left >= 0]).toEqual([true, true]); // it is to be seen now
    }
    await press('Enter');
    expect(await hasFocus('main')).toBe(true);
    await press('Tab');
    expect(await page.browser.evaluate(() => document.querySelector('main').contains(document.activeElement))).toBe(true);

    await tabTo('#model', 'Shift+Tab');
    await press('ArrowDown');
    expect(await value('#model')).toBe('kuairand');
    await page.browser.waitFor(() => document.querySelector('.facts dd').textContent === 'KuaiRand excerpt');
    await press('ArrowUp');
    await page.browser.waitFor(() => document.querySelector('.facts dd').textContent === 'Planted rhythm');
    await press('Tab');
    expect(await focusedText()).toBe('Start over');
    await press(' ');
    expect(await value('.player select')).toBe('day');

    await tabTo('.chapters li:nth-child(3) button');
    await press('Enter');
    await page.browser.waitFor(() => document.activeElement.id === 'chapter-title');
    expect(await focusedText()).toMatch(/periods/);
    await press('Tab', 'Tab');
    expect(await focusedText()).toMatch(/^Next/);
    await press('Enter');
    await page.browser.waitFor(() => /Whom/.test(document.activeElement.textContent) && document.activeElement.id === 'chapter-title');
    await press('Tab', 'Enter');
    await page.browser.waitFor(() => /periods/.test(document.activeElement.textContent) && document.activeElement.id === 'chapter-title');
  });

  test('time: play, steps, the scrubber, how much is on screen, back', async () => {
    await page.open();
    await tabTo('.play');
    await press(' ');
    await page.browser.waitFor(() => document.querySelector('.play').getAttribute('aria-label') === 'Pause' && !document.querySelector('.back').disabled);
    await press(' ');
    expect(await page.browser.evaluate(() => document.querySelector('.play').getAttribute('aria-pressed'))).toBe('false');
    await tabTo('.back');
    await press('Enter');
    expect(await page.saidTime()).toBe(FIRST_TIME);
    await page.frames();
    await tabTo('.play', 'Shift+Tab');
    await press('Tab', 'Enter');
    expect(await page.saidTime()).toBe(FIRST_TIME - 24 * 60 * MINUTE);
    await press('Tab');
    expect(await hasFocus('#scrubber')).toBe(true);
    for (const [key, by] of [['ArrowRight', 30], ['ArrowUp', 30], ['ArrowLeft', -30], ['ArrowDown', -30], ['PageUp', 180], ['PageDown', -180]]) {
      const before = await page.saidTime();
      await press(key);
      expect([key, (await page.saidTime()) - before]).toEqual([key, by * MINUTE]);
    }
    await press('End');
    expect(await page.saidTime()).toBe(Date.UTC(2024, 0, 24, 23, 59));
    await press('ArrowRight'); // into the next window
    expect(await page.saidTime()).toBe(Date.UTC(2024, 0, 25, 0, 29));
    await press('Home');
    expect(await page.saidTime()).toBe(Date.UTC(2024, 0, 25));
    expect(await page.browser.evaluate(() => document.querySelector('#scrubber').getAttribute('aria-valuetext'))).toMatch(/Thu, 25 Jan 2024, 00:00/);
    await press('Tab', 'Tab', 'ArrowDown');
    expect(await value('.player select')).toBe('week');
  });

  test('pictures: switches, choices, pairs, sliders, formula and table', async () => {
    await page.open('chapter=0');
    const mark = (id, words, within) => page.browser.evaluate((name, text, where) => {
      const label = [...document.querySelectorAll(`${where} label`)].find((one) => (one.querySelector('.name') ?? one.querySelector('span')).textContent === text);
      label.control.id = name;
    }, id, words, within);
    await mark('t-unwrap', 'Unwrap: count whole turns', '#dials');
    await mark('t-network', 'the layers', '#view-angles');
    await mark('t-action', 'the action attention', '#view-angles');
    await mark('t-relu', 'ReLU branch', '#view-angles');
    await mark('t-day', 'Events a day', '#view-angles');
    await mark('t-pair', '5', '#lines');
    await mark('t-moment', 'Moment of training', '#view-training');
    await tabTo('#t-unwrap');
    await press(' ');
    expect(await checked('#t-unwrap')).toBe(true);
    await tabTo('#dials .tools button');
    await press('Enter');
    expect(await page.text('#dials-panel')).toMatch(/\w{4}/);
    expect(await page.browser.evaluate(() => document.querySelector('#dials .tools button').getAttribute('aria-expanded'))).toBe('true');
    await press('Tab', ' ');
    expect(await page.browser.evaluate(() => document.querySelectorAll('#dials-panel tbody tr').length)).toBe(8);
    await tabTo('#dials-panel .table'); // it can be scrolled
    await tabTo('#dials-panel button');
    await press('Enter');
    await tabTo('#t-network');
    await press('ArrowRight');
    expect(await checked('#t-action')).toBe(true);
    await tabTo('#t-relu');
    await press(' ');
    expect(await checked('#t-relu')).toBe(false);
    await tabTo('#t-day');
    await press('ArrowRight', 'End');
    expect(await value('#t-day')).toBe('24');
    await tabTo('#t-pair');
    await press(' ');
    expect((await page.figure('lines')).head).toContain('pair 5');
    await tabTo('#t-moment');
    await press('Home');
    expect(await value('#t-moment')).toBe('0');
    expect(Object.fromEntries(await page.address())).toEqual({ chapter: '0', net: 'action', perday: '24', pairs: '0.1.2.3.5', unwrapped: '1', relu: '0', moment: '0' });
  });

  test('the history of the feed: another event, to another time, liked, removed, put back', async () => {
    await page.open('chapter=0');
    await page.figure('feed-history');
    await page.browser.waitFor(() => document.querySelector('.event') !== null);
    const event = () => page.browser.evaluate(() => ({ id: document.activeElement.id, said: document.activeElement.getAttribute('aria-valuetext'), now: Number(document.activeElement.getAttribute('aria-valuenow')) }));
    await tabTo('.event');
    const last = await event();
    await press('ArrowUp');
    const before = await event();
    expect(before.id).not.toBe(last.id);
    await press('ArrowDown');
    expect((await event()).id).toBe(last.id);
    await press('Home');
    const first = await event();
    expect(first.now).toBeLessThan(before.now);
    await press('ArrowRight');
    expect(await event()).toMatchObject({ id: first.id, now: first.now + 30 });
    await press('PageUp');
    expect(await event()).toMatchObject({ id: first.id, now: first.now + 30 + 1440 });
    const said = (await event()).said;
    const wasLiked = said.endsWith('liked');
    await press('l');
    expect((await event()).said.endsWith('liked')).toBe(!wasLiked);
    await press('Delete');
    expect((await event()).said).toMatch(/removed/);
    await press('Delete');
    expect((await event()).said).not.toMatch(/removed/);
    const number = first.id.slice('event-'.length);
    expect((await page.address()).get('edits')).toBe(`${number}lm1470`);
    await tabTo('.event-panel button'); // and by its buttons
    expect(await focusedText()).toBe(wasLiked ? 'Like' : 'Unlike');
    await press('Enter');
    expect((await page.address()).get('edits')).toBe(`${number}m1470`);
    await tabTo('.event-panel .close');
    await press('Enter');
    expect((await event()).id).toBe(first.id); // the focus comes back
    expect(await page.has('.event-panel')).toBe(false);
    await tabTo('.edits button', 'Shift+Tab');
    await press('Enter');
    expect((await page.address()).has('edits')).toBe(false);
  });

  test('training here, and one’s own model', async () => {
    page.expectErrors(/404|Failed to load|can't|not loaded/);
    await page.open('chapter=5');
    await tabTo('#live-begin');
    await press('Enter');
    await page.waitForText('.live-status', 'Step', 60_000);
    await press('Tab');
    expect(await focusedText()).toBe('Pause');
    await press(' ');
    expect(await focusedText()).toBe('Go on');

    await tabTo('#drop input');
    // The dialogue is the browser's own: that the key asks for it is all that can be seen.
    await page.browser.evaluate(() => {
      const input = document.querySelector('#drop input');
      input.addEventListener('click', (event) => {
        event.preventDefault();
        window.wasAsked = event.isTrusted;
      });
    });
    await press(' ');
    expect(await page.browser.evaluate(() => window.wasAsked)).toBe(true);
    await press('Tab');
    expect(await hasFocus('.address input')).toBe(true);
    await page.browser.type(`${page.server.url}none`);
    await press('Tab', 'Enter');
    await page.waitForText('.problem[role=alert]', '404');
    await tabTo('.problem button', 'Shift+Tab');
    await press('Enter');
    expect(await page.has('.problem')).toBe(false);
  });
});
