// access.test.mjs: the page for who does not see it, or not well, or does not use a mouse. axe-core has nothing to say against any of its
// states; what axe cannot know is asserted here: figures have words and tables, meters and sliders have values, headings do not jump.
import axe from 'axe-core';
import { launch } from './browsers.mjs';
import { makeModel } from './models.mjs';
import { openPage, readFigure, servePage, setState } from './page.mjs';

/** Rules of level AAA ask for more than WCAG's A and AA, and `hidden-content` is no rule but a list of what is not shown. All others run,
 * also those that axe leaves off: 2.2's and experimental ones. */
const runs = (id, tags) => !tags.includes('wcag2aaa') && id !== 'hidden-content';
/** What axe cannot decide by itself. Anything else that it leaves open fails, too. */
const LOOKED_AT = [
  ['color-contrast', /./], // text that something else lies over, as the player does; the pairs of colours are checked below
  ['label-content-name-mismatch', /class="(step|back)"|save as|aria-label="Close"|class="close"/], // what they show is a sign, no words
];

const injectAxe = new Function(`if (!window.axe) { ${axe.source} }`);

async function violations(browser) {
  await browser.evaluate(injectAxe);
  const found = await browser.evaluate(async (rules) => {
    const { violations, incomplete, passes } = await window.axe.run(document, { rules });
    const list = (results, isOpen) =>
      results.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => ({ id, isOpen, html, why: failureSummary.split('\n').at(-1).trim() })));
    return { found: [...list(violations, false), ...list(incomplete, true)], passes: passes.length };
  }, Object.fromEntries(axe.getRules().map(({ ruleId, tags }) => [ruleId, { enabled: runs(ruleId, tags) }])));
  expect(found.passes).toBeGreaterThan(40); // it ran
  const groups = new Map(); // one line for each kind
  for (const { id, isOpen, html, why } of found.found) {
    if (isOpen && LOOKED_AT.some(([rule, pattern]) => rule === id && pattern.test(html))) continue;
    const what = `${id}${isOpen ? ' (open)' : ''}: ${why}`;
    groups.set(what, [...(groups.get(what) ?? []), html.slice(0, 160)]);
  }
  return [...groups].map(([what, [first, ...more]]) => `${what} ${first}${more.length > 0 ? ` and ${more.length} more` : ''}`);
}

/** All figures draw themselves when they come near the screen; then the page rests. */
async function showAll(browser) {
  await browser.evaluate(async () => {
    for (const figure of document.querySelectorAll('figure')) {
      for (let tries = 0; tries < 60 && (tries === 0 || figure.querySelector('.frame .empty')); tries++) {
        figure.scrollIntoView({ block: 'center', behavior: 'instant' }); // again: what is above it may have grown
        await new Promise((done) => setTimeout(done, tries === 0 ? 0 : 50));
      }
    }
    scrollTo({ top: 0, behavior: 'instant' });
  });
}

const goTo = (browser, chapter) =>
  browser.evaluate(async (number) => {
    document.querySelectorAll('.chapters button')[number - 1].click();
    await new Promise((done) => setTimeout(done, 500));
  }, chapter);

/** Opens one kind of panel behind every figure and the list. */
const openPanels = (browser, name) =>
  browser.evaluate((word) => {
    const buttons = [...document.querySelectorAll('.tools button')].filter(({ textContent }) => textContent.trim() === word);
    for (const button of buttons) if (button.getAttribute('aria-expanded') === 'false') button.click();
    return buttons.length;
  }, name);

/** The panel of an event of the feed's history. */
async function openEvent(browser) {
  await browser.evaluate(() => document.getElementById('feed-history').scrollIntoView({ behavior: 'instant' }));
  await browser.click('.event[tabindex="0"]');
  await browser.waitFor(() => document.querySelector('.event-panel') !== null);
}

let server, models;
beforeAll(async () => {
  server = await servePage();
  models = { one: await makeModel(1), many: await makeModel(64), ordinal: await makeModel(4, { variant: 'ordinal' }) };
}, 60_000);
afterAll(() => server?.stop());

async function openFile(browser, name) {
  await browser.chooseFile('#drop input', `${name}.safetensors`, models[name]);
  await browser.waitFor((file) => document.querySelector('.facts')?.textContent.includes(file), [`${name}.safetensors`]);
}

describe('chromium', () => {
  let browser;
  beforeAll(async () => {
    browser = await launch({ browser: 'chromium' });
  }, 120_000);
  afterAll(() => browser?.close());

  describe.each([[false, 1280], [false, 360], [true, 1280], [true, 360]])('dark: %s, %i wide', (dark, width) => {
    const look = { dark, width, height: 800, reducedMotion: true };

    test('every chapter', async () => {
      await openPage(browser, server, '', look);
      await showAll(browser);
      for (let chapter = 1; chapter <= 6; chapter++) {
        await goTo(browser, chapter);
        expect({ chapter, found: await violations(browser) }).toEqual({ chapter, found: [] });
      }
    });

    test.each(['Formula', 'Table'])('every %s open', async (name) => {
      await openPage(browser, server, 'chapter=0&span=week', look);
      await showAll(browser);
      expect(await openPanels(browser, name)).toBeGreaterThanOrEqual(10);
      expect(await violations(browser)).toEqual([]);
    });

    test('a message about a model that cannot be read, and an event of the feed open', async () => {
      await openPage(browser, server, 'chapter=0', look);
      await showAll(browser);
      await setState(browser, 'chapter=0&model=no-such-model.safetensors');
      await browser.waitFor(() => document.querySelector('.problem[role="alert"]') !== null);
      await openEvent(browser);
      expect(await violations(browser)).toEqual([]);
    });

    test('while a model trains, and when it rests', async () => {
      await openPage(browser, server, 'chapter=5', look);
      await browser.click('#live-begin');
      await browser.waitFor(() => document.querySelector('#live progress')?.value > 20);
      expect(await violations(browser)).toEqual([]);
      await browser.click('#live-pause');
      await browser.waitFor(() => document.querySelector('#live-pause').textContent === 'Go on');
      await showAll(browser);
      expect(await violations(browser)).toEqual([]);
    });

    test.each(['one', 'many', 'ordinal'])('the model “%s”, unwrapped, no pair chosen', async (name) => {
      await openPage(browser, server, 'chapter=0&unwrapped=1&pairs=', look);
      await openFile(browser, name);
      await showAll(browser);
      expect(await violations(browser)).toEqual([]);
    });
  });

  test.each([false, true])('colours of text and of marks stand out from what they are on; dark: %s', async (dark) => {
    await openPage(browser, server, 'chapter=0', { dark });
    const colours = await browser.evaluate(() => {
      const style = getComputedStyle(document.documentElement);
      const names = [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules]).find(({ selectorText }) => selectorText === ':root').style;
      return Object.fromEntries([...names].filter((name) => name.startsWith('--')).map((name) => [name.slice(2), style.getPropertyValue(name).trim()]));
    });
    const luminance = (name) => {
      const digits = colours[name].length === 4 ? colours[name].replaceAll(/[^#]/g, '$&$&') : colours[name];
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(digits.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => {
      const [light, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x);
      return (light + 0.05) / (dim + 0.05);
    };
    const texts = [
      ...['ink', 'soft', 'accent'].flatMap((text) => ['page', 'panel', 'tint'].map((ground) => [text, ground])),
      ...['good', 'frozen', 'learned', 'bad'].map((text) => [text, 'panel']), ['ink', 'bad-tint'], ['soft', 'bad-tint'], ['accent-ink', 'accent'],
    ];
    const marks = ['learned', 'fixed', 'frozen', 'now', 'accent', ...Array.from({ length: 8 }, (_, i) => `series-${i}`)].map((mark) => [mark, 'panel']);
    const low = (pairs, least) => pairs.map(([a, b]) => [`${a} on ${b}`, Number(contrast(a, b).toFixed(2))]).filter(([, ratio]) => !(ratio >= least));
    expect(low(texts, 4.5)).toEqual([]);
    expect(low(marks, 3)).toEqual([]);
  });

  test('every figure has words for its picture, and numbers behind it', async () => {
    await openPage(browser, server, 'chapter=0');
    const ids = await browser.evaluate(() => [...document.querySelectorAll('figure')].map(({ id }) => id));
    expect(ids.length).toBeGreaterThanOrEqual(10);
    for (const id of ids) {
      const { head, rows } = await readFigure(browser, id);
      expect({ id, columns: head.length > 1, rows: rows.length > 0 }).toEqual({ id, columns: true, rows: true });
      const words = await browser.evaluate((name) => document.getElementById(name).querySelector('[role="img"]').getAttribute('aria-label'), id);
      expect(words.length).toBeGreaterThan(15);
      expect(words).not.toMatch(/nothing to show|NaN|undefined/);
      await browser.click(`#${id} .tools button[aria-expanded]:nth-last-of-type(1)`);
      const table = await browser.evaluate((name) => {
        const found = document.getElementById(name).querySelector('table');
        return found && { caption: found.caption !== null, heads: found.tHead.querySelectorAll('th[scope=col]').length, rows: found.tBodies[0].querySelectorAll('tr > th[scope=row]').length };
      }, id);
      expect({ id, ...table }).toEqual({ id, caption: true, heads: head.length, rows: expect.any(Number) });
      expect(table.rows).toBeGreaterThan(0);
    }
    expect(await browser.evaluate(() => [...document.querySelectorAll('canvas')].filter((canvas) => canvas.getAttribute('aria-hidden') !== 'true').length)).toBe(0);
  });

  test('meters and sliders say a value that is one', async () => {
    await openPage(browser, server, 'chapter=5');
    await showAll(browser);
    const found = await browser.evaluate(() => {
      const number = (element, name) => Number(element.getAttribute(name) ?? NaN);
      const said = (element) => ({
        name: element.getAttribute('aria-label') ?? element.closest('label')?.textContent ?? '',
        text: element.getAttribute('aria-valuetext') ?? '',
      });
      const ofAria = (element) => ({ ...said(element), least: number(element, 'aria-valuemin'), now: number(element, 'aria-valuenow'), most: number(element, 'aria-valuemax') });
      const ofInput = (element) => ({ ...said(element), least: Number(element.min), now: element.valueAsNumber, most: Number(element.max) });
      return {
        meters: [...document.querySelectorAll('[role="meter"]')].map(ofAria),
        sliders: [...document.querySelectorAll('[role="slider"]')].map(ofAria).concat([...document.querySelectorAll('input[type="range"]')].map(ofInput)),
      };
    });
    expect(found.meters).toHaveLength(8);
    expect(found.sliders.length).toBeGreaterThan(8);
    const wrong = [...found.meters, ...found.sliders].filter(
      ({ name, text, least, now, most }) => !(name.trim() && /\d/.test(text) && !/NaN|undefined|Invalid/.test(text) && least < most && least <= now && now <= most),
    );
    expect(wrong).toEqual([]);
  });

  test('the meters follow the time, the list says its head when the time rests', async () => {
    await openPage(browser, server, 'chapter=0&t=2024-01-25T08:00');
    const read = () => browser.evaluate(() => [...document.querySelectorAll('[role="meter"]')].map((meter) => meter.getAttribute('aria-valuetext')));
    await browser.waitFor(() => document.querySelectorAll('[role="meter"]').length === 8);
    const before = await read();
    await setState(browser, 'chapter=0&t=2024-01-25T20:00');
    await browser.waitFor((old) => document.querySelector('[role="meter"]').getAttribute('aria-valuetext') !== old, [before[0]]);
    expect((await read()).filter((words, i) => words !== before[i]).length).toBeGreaterThan(4);
    await browser.evaluate(() => document.getElementById('view-feed').scrollIntoView());
    await browser.waitFor(() => /^Ranked for .*20:00.*: first ./.test(document.querySelector('#view-feed [role="status"].visually-hidden').textContent));
  });

  test('language, title, landmarks, and headings that go down one level at a time', async () => {
    for (let chapter = 0; chapter <= 6; chapter++) {
      await openPage(browser, server, `chapter=${chapter}`);
      const found = await browser.evaluate(() => ({
        language: document.documentElement.lang,
        title: document.title,
        landmarks: Object.fromEntries(['header', 'main', 'nav[aria-label]', 'footer', '.player[role=region][aria-label]'].map((name) => [name, document.querySelectorAll(name).length])),
        levels: [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(({ tagName }) => Number(tagName[1])),
        unnamed: [...document.querySelectorAll('section, article, figure, [role=region], [role=group]')].filter(
          (element) => !(element.getAttribute('aria-label') || document.getElementById(element.getAttribute('aria-labelledby'))?.textContent.trim()),
        ).length,
        ids: [...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, i, all) => all.indexOf(id) !== i),
      }));
      expect(found).toMatchObject({ language: 'en', unnamed: 0, ids: [], landmarks: { header: 1, main: 1, 'nav[aria-label]': 1, footer: 1, '.player[role=region][aria-label]': 1 } });
      expect(found.title).toMatch(/rotate/);
      expect(found.levels.filter((level) => level === 1)).toHaveLength(1);
      expect(found.levels.filter((level, i) => i > 0 && level > found.levels[i - 1] + 1)).toEqual([]);
      expect(found.levels[0]).toBe(1);
    }
  });
});

describe.each(['firefox', 'webkit'])('%s', (name) => {
  let browser;
  beforeAll(async () => {
    browser = await launch({ browser: name });
  }, 200_000);
  afterAll(() => browser?.close());

  test.each([[false, 1280, 'Table'], [true, 360, 'Formula']])('dark: %s, %i wide, every %s open, then an event of the feed', async (dark, width, panel) => {
    await openPage(browser, server, 'chapter=6', { dark, width, height: 800, reducedMotion: dark });
    await showAll(browser);
    await openPanels(browser, panel);
    expect(await violations(browser)).toEqual([]);
    await openEvent(browser);
    expect(await violations(browser)).toEqual([]);
  });
});
