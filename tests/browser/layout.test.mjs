// layout.test.mjs: nothing is cut off, nothing lies over anything else, everything can be hit, from 320 to 1920 pixels, with larger text,
// with models of one pair and of many, and where there is nothing to show. Geometry, not pictures; the pictures in docs/page were looked
// at by people (pictures.mjs makes them), and are counted here.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from './browsers.mjs';
import { makeModel } from './models.mjs';
import { openPage, servePage, setState } from './page.mjs';
import { chapterPictures, pagePicture } from './pictures.mjs';

const LEAST_TARGET = 24; // CSS pixels
const TOUCH_TARGET = 44;
const TOUCHED = '.player button, .player select, .player input, .chapters button, .turns button, #model, #drop .button, .address button';

/** What is wrong with how the page lies, in words; [] is nothing. Runs in the page. */
function faults(least, touched, leastTouched) {
  const found = [];
  const name = (element) => {
    const id = element.closest('[id]')?.id;
    return `${id ? `#${id} ` : ''}<${element.tagName.toLowerCase()}${element.getAttribute('class') ? ` class="${element.getAttribute('class')}"` : ''}> “${(element.textContent ?? '').trim().slice(0, 40)}”`;
  };
  const hidden = (element) => element.closest('.visually-hidden, .skip, [hidden], noscript') !== null || !element.checkVisibility({ checkVisibilityCSS: true });
  const scrolls = (element) => {
    for (let up = element; up && up !== document.body; up = up.parentElement) if (/auto|scroll|hidden|clip/.test(getComputedStyle(up).overflowX)) return up;
    return null;
  };
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) found.push(`the page scrolls sideways by ${wide}`);

  const all = [...document.body.querySelectorAll('*')].filter((element) => !hidden(element));
  for (const element of all) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || element.closest('math') || scrolls(element.parentElement)) continue;
    if (box.left < -0.5 || box.right > innerWidth + 0.5) found.push(`${name(element)} goes from ${box.left.toFixed(1)} to ${box.right.toFixed(1)} of ${innerWidth}`);
  }

  // Lines of text: inside of what holds them, and none over another. A line's box is higher than its letters.
  const layer = (element) => {
    for (let up = element; up; up = up.parentElement) if (/fixed|sticky/.test(getComputedStyle(up).position)) return up;
    return document.body;
  };
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest('math, select, datalist, svg') || hidden(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const { left, right, top, bottom } of range.getClientRects()) {
      if (right - left < 1) continue;
      const trim = 0.18 * (bottom - top);
      lines.push({ node, element, layer: layer(element), left, right, top: top + trim, bottom: bottom - trim });
    }
  }
  for (const { element, left, right, top, bottom } of lines) {
    if (scrolls(element)) {
      const holder = scrolls(element);
      if (/auto|scroll/.test(getComputedStyle(holder).overflowX)) continue; // it can be scrolled to
    }
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      const display = getComputedStyle(up).display;
      if (/^inline$|contents/.test(display)) continue;
      const box = up.getBoundingClientRect();
      if (left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1) {
        found.push(`text sticks out of ${name(up)}: ${[left - box.left, right - box.right, top - box.top, bottom - box.bottom].map((v) => v.toFixed(1))}`);
      }
      break;
    }
  }
  for (const { element, left, right, top, bottom } of lines) {
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      const { overflowX, overflowY, contain } = getComputedStyle(up);
      if (/auto|scroll/.test(overflowX + overflowY)) break;
      const cutsAll = /strict|content|paint/.test(contain);
      const box = up.getBoundingClientRect();
      const isCut = ((cutsAll || /hidden|clip/.test(overflowX)) && (left < box.left - 1 || right > box.right + 1))
        || ((cutsAll || /hidden|clip/.test(overflowY)) && (top < box.top - 1 || bottom > box.bottom + 1));
      if (isCut) found.push(`${name(element)} is cut off by ${up.tagName.toLowerCase()}.${up.className}`);
    }
  }
  lines.sort((a, b) => a.top - b.top);
  lines.forEach((a, i) => {
    for (let k = i + 1; k < lines.length && lines[k].top < a.bottom - 1; k++) {
      const b = lines[k];
      if (a.node === b.node || a.layer !== b.layer) continue;
      if (scrolls(a.element) !== scrolls(b.element)) continue; // one is scrolled away under an edge
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1) found.push(`${name(a.element)} and ${name(b.element)} lie over one another`);
    }
  });

  for (const { element, left, right, top, bottom } of lines) {
    const frame = element.closest('figure')?.querySelector('.frame');
    if (!frame || frame.contains(element)) continue;
    const box = frame.getBoundingClientRect();
    if (bottom > box.top + 1 && top < box.bottom - 1 && right > box.left && left < box.right) found.push(`${name(element)} lies over its picture`);
  }

  // What can be pressed.
  const targets = [...document.querySelectorAll('button, select, input, [role="slider"], summary')].filter((element) => !hidden(element));
  const boxOf = (element) => (['checkbox', 'radio', 'file'].includes(element.type) ? (element.closest('label') ?? element) : element).getBoundingClientRect();
  for (const element of targets) {
    const box = boxOf(element);
    if (box.height < least - 0.01 || box.width < least - 0.01) found.push(`${name(element)} is only ${box.width.toFixed(1)} by ${box.height.toFixed(1)}`);
  }
  if (leastTouched)
    for (const element of document.querySelectorAll(touched)) {
      const box = boxOf(element);
      if (box.height < leastTouched - 0.01 || box.width < leastTouched - 0.01) found.push(`${name(element)} is only ${box.width.toFixed(1)} by ${box.height.toFixed(1)} for a finger`);
    }
  for (let i = 0; i < targets.length; i++)
    for (let k = i + 1; k < targets.length; k++) {
      const [a, b] = [boxOf(targets[i]), boxOf(targets[k])];
      if (layer(targets[i]) !== layer(targets[k]) || targets[i].closest('label') === (targets[k].closest('label') ?? 0)) continue;
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        found.push(`${name(targets[i])} and ${name(targets[k])} lie over one another`);
    }

  // Numbers that are none.
  for (const { node } of lines) if (/\bNaN\b|undefined|\[object|Invalid Date|Infinity/.test(node.data)) found.push(`it says “${node.data.trim().slice(0, 60)}”`);
  return [...new Set(found)].slice(0, 20);
}

/** Faults, once pictures and rows have followed a change of width, which takes them some frames. */
async function check(browser, width) {
  await browser.evaluate(async () => {
    for (let frame = 0; frame < 6; frame++) await new Promise((done) => requestAnimationFrame(done));
    await new Promise((done) => setTimeout(done, 100));
  });
  return browser.evaluate(faults, LEAST_TARGET, TOUCHED, width <= 360 ? TOUCH_TARGET : 0);
}

/** Every figure draws when it comes near the screen. Resolves to the ids of those that still have nothing. */
const showAll = (browser) =>
  browser.evaluate(async () => {
    const bare = [];
    for (const figure of document.querySelectorAll('figure')) {
      for (let tries = 0; tries < 150 && (tries === 0 || figure.querySelector('.frame .empty')); tries++) {
        figure.scrollIntoView({ block: 'center', behavior: 'instant' }); // again: what is above it may have grown
        await new Promise((done) => setTimeout(done, tries === 0 ? 0 : 40));
      }
      if (figure.querySelector('.frame .empty')) bare.push(figure.id);
    }
    scrollTo({ top: 0, behavior: 'instant' });
    return bare;
  });

const openPanels = (browser, name) =>
  browser.evaluate((word) => {
    for (const button of document.querySelectorAll('.tools button'))
      if (button.textContent.trim() === word && button.getAttribute('aria-expanded') === 'false') button.click();
  }, name);

let server, browser, models;
beforeAll(async () => {
  server = await servePage();
  browser = await launch({ browser: 'chromium' });
  models = { one: await makeModel(1), many: await makeModel(64), ordinal: await makeModel(4, { variant: 'ordinal' }) };
}, 150_000);
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

async function openFile(name) {
  await browser.chooseFile('#drop input', `${name}.safetensors`, models[name]);
  await browser.waitFor((file) => document.querySelector('.facts')?.textContent.includes(file), [`${name}.safetensors`]);
}

describe.each([320, 360, 768, 1280, 1920])('%i wide', (width) => {
  test('every chapter, and none', async () => {
    await openPage(browser, server, '', { width, height: 800, reducedMotion: true });
    await showAll(browser);
    for (let chapter = 0; chapter <= 6; chapter++) {
      await setState(browser, `chapter=${chapter}`);
      await browser.waitFor((number) => (document.querySelector('#chapter .place')?.textContent ?? 'Chapter 0').includes(`Chapter ${number}`), [chapter]);
      expect({ chapter, faults: await check(browser, width) }).toEqual({ chapter, faults: [] });
    }
  });

  test('formulas, tables, an event of the feed and a message open; the training begun', async () => {
    await openPage(browser, server, 'chapter=0&span=week', { width, height: 800, reducedMotion: true });
    await showAll(browser);
    for (const panel of ['Formula', 'Table']) {
      await openPanels(browser, panel);
      expect({ panel, faults: await check(browser, width) }).toEqual({ panel, faults: [] });
    }
    await setState(browser, 'chapter=0&model=http://127.0.0.1:9/a-long-name-of-a-model-that-is-not-there.safetensors');
    await browser.waitFor(() => document.querySelector('.problem') !== null);
    expect({ message: await check(browser, width) }).toEqual({ message: [] });
    await setState(browser, 'chapter=0');
    await browser.evaluate(() => document.getElementById('feed-history').scrollIntoView({ behavior: 'instant' }));
    await browser.waitFor(() => document.querySelectorAll('.event').length > 0);
    await browser.click('.event[tabindex="0"]');
    await browser.waitFor(() => document.querySelector('.event-panel') !== null);
    expect({ event: await check(browser, width) }).toEqual({ event: [] });
    await browser.click('#live-begin');
    await browser.waitFor(() => document.querySelector('#live progress')?.value > 10);
    await browser.click('#live-pause');
    await browser.waitFor(() => document.getElementById('live-pause').textContent === 'Go on');
    expect({ live: await check(browser, width) }).toEqual({ live: [] });
  });

  test.each(['one', 'many', 'ordinal'])('the model “%s”: unwrapped; and no pair chosen', async (name) => {
    await openPage(browser, server, 'chapter=0&unwrapped=1', { width, height: 800, dark: true, reducedMotion: true });
    await openFile(name);
    expect(await showAll(browser)).toEqual([]);
    expect(await browser.evaluate(() => document.querySelector('#view-training .note')?.textContent)).toMatch(/no history of its training/);
    expect(await check(browser, width)).toEqual([]);
    await browser.evaluate(() => document.querySelectorAll('.chips input:checked').forEach((input) => input.click()));
    await browser.waitFor(() => document.querySelector('.chips input:checked') === null);
    expect(await showAll(browser)).toEqual([]);
    expect(await check(browser, width)).toEqual([]);
  });
});

test.each([[640, false], [1280, false], [1280, true]])('%i wide, text of twice the size; chapter and tables: %s', async (width, isFull) => {
  await openPage(browser, server, isFull ? 'chapter=2' : 'chapter=0', { width, height: 800, reducedMotion: true });
  const heights = () => browser.evaluate(() => ['h1', '.lead', '.tools button', '.player .time', '.chapters button'].map((name) => parseFloat(getComputedStyle(document.querySelector(name)).fontSize)));
  const before = await heights();
  await browser.evaluate(() => {
    document.documentElement.style.fontSize = '200%';
  });
  await showAll(browser);
  if (isFull) await openPanels(browser, 'Table');
  (await heights()).forEach((size, i) => expect(size).toBeGreaterThan(1.35 * before[i])); // the largest is bounded by the width
  expect(await check(browser, width)).toEqual([]);
});

test.each([[360, 'Tab'], [360, 'Shift+Tab'], [1280, 'Tab'], [1280, 'Shift+Tab']])('%i wide: %s never takes the focus under the player', async (width, key) => {
  await openPage(browser, server, 'chapter=1', { width, height: 700, reducedMotion: true });
  await showAll(browser);
  if (key === 'Shift+Tab') await browser.evaluate(() => document.querySelector('.player button').focus());
  const seen = new Set();
  for (let i = 0; i < 320; i++) {
    await browser.press(key);
    const at = await browser.evaluate(async () => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const element = document.activeElement;
      if (!element || element === document.body || element === document.documentElement) return null;
      const player = document.querySelector('.player');
      const box = (['checkbox', 'radio', 'file'].includes(element.type) ? (element.closest('label') ?? element) : element).getBoundingClientRect();
      window.order ??= new Map();
      if (!window.order.has(element)) window.order.set(element, window.order.size);
      return {
        place: window.order.get(element), isOfPlayer: player.contains(element), what: element.outerHTML.slice(0, 120),
        top: box.top, bottom: box.bottom, free: player.getBoundingClientRect().top, high: innerHeight,
      };
    });
    if (!at || seen.has(at.place)) break;
    seen.add(at.place);
    if (at.isOfPlayer) continue;
    const isWhole = at.top >= -1 && at.bottom <= at.free + 1;
    const isTall = at.bottom - at.top > at.free;
    if (!isWhole && !isTall) expect(at).toBe('in sight');
  }
  expect(seen.size).toBeGreaterThan(60);
});

test.each(['week', 'month', 'season'])('a %s: the window stays while the slider is dragged, so that the time goes where the hand goes', async (span) => {
  await openPage(browser, server, `chapter=0&span=${span}&t=2024-01-25T08:00`, { width: 1280, height: 800 });
  const days = { week: 7, month: 28, season: 84 }[span];
  const read = () => browser.evaluate(() => ({ time: Date.parse(`${document.querySelector('.player .time').textContent} UTC`), at: document.getElementById('scrubber').valueAsNumber / 2000 }));
  const before = await read();
  let held;
  await browser.drag({ selector: '#scrubber', at: [before.at, 0.5] }, { selector: '#scrubber', at: [0.95, 0.5] }, { steps: 15, hold: async () => { held = await read(); } });
  const after = await read();
  expect(held.at).toBeGreaterThan(0.93);
  expect((held.time - before.time) / 86_400_000).toBeCloseTo((held.at - before.at) * days, 1);
  expect(Math.abs(after.time - held.time)).toBeLessThan(60_000 * 60 * days); // it was let go there
});

test('an address that is set just after something was changed is what the page shows', async () => {
  await openPage(browser, server, 'chapter=0', { width: 1280, height: 800 });
  await browser.evaluate(async () => {
    // The address is written by a timer: it comes at the worst moment, between the new address and the event that tells of it.
    const { setTimeout: real } = window;
    const due = [];
    window.setTimeout = (job) => due.push(job);
    document.querySelector('#view-angles .toggle input').click();
    await Promise.resolve();
    window.setTimeout = real;
    location.hash = 'chapter=3&span=month';
    for (const job of due) job();
  });
  await browser.waitFor(() => document.querySelector('#chapter .place')?.textContent.startsWith('Chapter 3 '), [], 3000);
  await browser.waitFor(() => location.hash === '#span=month&chapter=3'); // in the order that the page writes
});

describe('pictures in docs/page', () => {
  const folder = fileURLToPath(new URL('../../docs/page/', import.meta.url));
  const sizeOf = (name) => {
    const png = readFileSync(folder + name);
    return { isPng: png.subarray(1, 4).toString() === 'PNG', width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
  };
  test.each(chapterPictures())('%s', (name, { width, height }) => {
    expect(existsSync(folder + name)).toBe(true);
    expect(sizeOf(name)).toEqual({ isPng: true, width, height });
    expect(statSync(folder + name).size).toBeLessThanOrEqual(150_000);
  });

  test('the README’s, and all of them together', () => {
    expect(sizeOf(pagePicture.name)).toEqual({ isPng: true, width: pagePicture.width, height: pagePicture.height });
    expect(statSync(folder + pagePicture.name).size).toBeLessThanOrEqual(250_000);
    const bytes = [...chapterPictures().map(([name]) => name), pagePicture.name].reduce((sum, name) => sum + statSync(folder + name).size, 0);
    expect(bytes).toBeLessThanOrEqual(2_500_000);
  });
});
