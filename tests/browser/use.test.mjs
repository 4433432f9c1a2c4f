// Using the page with pointer and address: the first view, the scrubber, the tour, an address that is opened elsewhere. A browser
// that is not there is a failure.
import { inEachBrowser } from './use_support.mjs';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FIRST_TIME = Date.UTC(2024, 0, 25, 8);
const addressTime = (address) => (address.has('t') ? Date.parse(`${address.get('t')}Z`) : undefined);

inEachBrowser((page) => {
  describe('first view', () => {
    test('is there under a sub-path and a strict policy, without an error, and asks its own server only', async () => {
      page.server.requests.length = 0;
      await page.open();
      expect(await page.text('h1')).toMatch(/rotate/);
      expect(await page.saidTime()).toBe(FIRST_TIME);
      const { head, rows } = await page.figure('dials');
      expect(head[0]).toBe('pair');
      expect(rows).toHaveLength(8);
      expect(rows.flat().every(Number.isFinite)).toBe(true);
      expect(await page.has('.problem, [role=alert]')).toBe(false);

      const { requests } = page.server;
      expect(requests.length).toBeGreaterThan(5);
      for (const request of requests) {
        expect(request).toMatchObject({ method: 'GET', status: 200 }); // 404 if it was asked for beside the sub-path
        expect(request.path).toMatch(/^($|assets\/)/);
      }
      const own = new URL(page.server.url).origin;
      const asked = await page.browser.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
      expect(asked.filter((url) => new URL(url).origin !== own && !url.startsWith('data:'))).toEqual([]);
      expect(page.elsewhere()).toEqual([]);
    });

    test('draws every figure, and says what it shows', async () => {
      await page.open();
      const ids = await page.figureIds();
      expect(ids).toEqual(expect.arrayContaining(['dials', 'heat', 'lines', 'spectrum', 'kernel', 'clock', 'losses', 'feed-history', 'scores']));
      for (const id of ids) {
        const { rows } = await page.figure(id);
        expect(rows.length).toBeGreaterThan(2);
        const drawn = await page.browser.waitFor((name) => {
          const canvas = document.querySelector(`#${name} canvas.base`);
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let inked = 0;
          for (let i = 3; i < data.length; i += 4) if (data[i] > 0) inked++;
          return inked > 500;
        }, [id]);
        expect(drawn).toBe(true);
        expect(await page.browser.evaluate((name) => document.querySelector(`#${name} [role=img]`).getAttribute('aria-label'), id)).toMatch(/\w+ \w+/);
      }
    });
  });

  describe('time', () => {
    beforeEach(() => page.open());

    test('dragging the slider moves dials, words and address', async () => {
      const before = await page.figure('dials');
      const words = await page.text('.player .time');
      const middle = {};
      const hold = async () => {
        await page.browser.waitFor((old) => document.querySelector('.player .time').textContent !== old, [words]);
        middle.time = await page.saidTime();
        middle.dials = (await page.figureWhere('dials', ({ rows }) => rows[0][5] === middle.time)).rows;
      };
      await page.browser.drag({ selector: '#scrubber', at: [1 / 3, 0.5] }, { selector: '#scrubber', at: [0.75, 0.5] }, { hold });
      const said = await page.saidTime();
      expect(Math.abs(said - (FIRST_TIME + 10 * HOUR))).toBeLessThan(40 * MINUTE); // 18:00, less what the thumb is wide
      expect(middle.time).toBe(said);
      expect(middle.dials).not.toEqual(before.rows);

      expect(addressTime(await page.address())).toBe(said);
      const after = await page.figureWhere('dials', ({ rows }) => rows[0][5] === said);
      const moved = after.rows.filter(([, learned], j) => Math.abs(learned - before.rows[j][1]) > 0.01);
      expect(moved.length).toBeGreaterThan(2);
      expect(after.rows).toEqual(middle.dials);
    });

    test('play moves it on, pause stops it', async () => {
      const label = () => page.browser.evaluate(() => document.querySelector('.play').getAttribute('aria-label'));
      expect(await label()).toMatch(/^Play/);
      await page.browser.click('.play');
      expect(await label()).toBe('Pause');
      const times = [await page.saidTime()];
      for (let i = 0; i < 3; i++) {
        const words = await page.text('.player .time');
        await page.browser.waitFor((old) => document.querySelector('.player .time').textContent !== old, [words]);
        times.push(await page.saidTime());
      }
      expect(times.slice(1).every((time, i) => time > times[i])).toBe(true);
      expect(times[3]).toBeLessThan(Date.UTC(2024, 0, 26));
      await page.browser.click('.play');
      expect(await label()).toMatch(/^Play/);
      await page.frames();
      const stopped = await page.saidTime();
      expect(Math.abs(addressTime(await page.address()) - stopped)).toBeLessThanOrEqual(MINUTE); // rests for half a second
      expect(await page.saidTime()).toBe(stopped);
    });

    test('‹ and › go a window back and on, the list says how much that is, ↺ goes back', async () => {
      const earlier = () => page.browser.click('.player [aria-label^="Earlier"]');
      const later = () => page.browser.click('.player [aria-label^="Later"]');
      expect(await page.browser.evaluate(() => document.querySelector('.player .back').disabled)).toBe(true);
      await earlier();
      expect(await page.saidTime()).toBe(FIRST_TIME - DAY);
      await later();
      expect(await page.saidTime()).toBe(FIRST_TIME);
      await page.keys('.player select', 'ArrowDown'); // a list's own window is not the page's, so no driver points into it
      expect(await page.browser.evaluate(() => document.querySelector('.player select').value)).toBe('week');
      const { rows } = await page.figureWhere('heat', (found) => Date.parse(found.rows[0][0]) === Date.UTC(2024, 0, 22));
      expect(Date.parse(rows.at(-1)[0])).toBeGreaterThan(Date.UTC(2024, 0, 28, 20));
      await later();
      expect(await page.saidTime()).toBe(FIRST_TIME + 7 * DAY);
      expect(Object.fromEntries(await page.address())).toEqual({ span: 'week', t: '2024-02-01T08:00' });
      await page.browser.click('.player .back');
      expect(await page.saidTime()).toBe(FIRST_TIME);
    });

    test.each(['heat', 'lines'])('a press in #%s sets it, a drag goes on', async (id) => {
      await page.figure(id);
      await page.show(`#${id} .frame`);
      // the cursor of time stands where the pointer is
      const cursorIsAt = (part) => page.browser.waitFor((name, x) => {
        const [frame, cursor] = ['frame', 'cursor'].map((what) => document.querySelector(`#${name} .${what}`).getBoundingClientRect());
        return Math.abs(cursor.left + cursor.width / 2 - (frame.left + x * frame.width)) < 3;
      }, [id, part], 10_000);
      const at = (part) => ({ selector: `#${id} .frame`, at: [part, 0.5] });
      await page.browser.click(at(0.7));
      await cursorIsAt(0.7);
      const pressed = await page.saidTime();
      expect(pressed).toBeGreaterThan(FIRST_TIME + 6 * HOUR);
      await page.browser.drag(at(0.7), at(0.3));
      await cursorIsAt(0.3);
      const dragged = await page.saidTime();
      expect(dragged).toBeLessThan(FIRST_TIME);
      await page.browser.hover(at(0.5)); // let go: it follows no longer
      await page.frames();
      expect(await page.saidTime()).toBe(dragged);
      await page.browser.drag(at(0.5), { x: 1, y: 300 }); // beyond the picture: the window's first moment
      expect(await page.saidTime()).toBe(Date.UTC(2024, 0, 25));
      expect(addressTime(await page.address())).toBe(Date.UTC(2024, 0, 25));
    });
  });

  describe('tour', () => {
    const chapters = [
      { title: 'When, as an angle', view: 'dials', span: 'day' },
      { title: 'Days become stripes', view: 'angles', span: 'week' },
      { title: 'Which periods did it learn?', view: 'angles', span: 'month' },
      { title: 'Whom attention looks at', view: 'attention', span: 'week' },
      { title: 'How it came to be', view: 'training', span: 'day' },
      { title: 'The same feed, another hour', view: 'feed', span: 'day' },
    ];
    const seen = () => page.browser.evaluate(() => {
      const card = document.querySelector('.chapter');
      const box = card?.getBoundingClientRect();
      const checked = (name) => [...document.querySelectorAll('.toggle')].filter(({ textContent }) => textContent === name).map(({ control }) => control.checked);
      return {
        title: card?.querySelector('h2').textContent ?? null,
        view: card?.closest('.stage').querySelector('.view').id.slice('view-'.length) ?? null,
        inView: card ? box.top < innerHeight && box.bottom > 0 : null,
        focused: card ? document.activeElement === card.querySelector('h2') : null,
        current: [...document.querySelectorAll('.chapters button')].flatMap((button, i) => (button.getAttribute('aria-current') === 'step' ? [i + 1] : [])),
        span: document.querySelector('.player select').value,
        on: ['sine branch', 'ReLU branch', 'order (λ)'].flatMap(checked),
        unwrapped: checked('unwrapped'),
        network: document.querySelector('input[name=network-angles]').checked ? 'layers' : 'action',
        moment: (([slider]) => slider.value === slider.max)([...document.querySelectorAll('.controls.wide input')]),
      };
    });
    const arrivedAt = async (n) => {
      await page.browser.waitFor((title) => document.activeElement.textContent === title, [chapters[n - 1].title]);
      await page.browser.waitFor(() => document.querySelector('.chapter').getBoundingClientRect().top < innerHeight * 0.8); // it scrolls there
      return seen();
    };
    /** Everything that a chapter may set, set otherwise. */
    const spoilt = 'span=season&net=action&sine=0&relu=0&order=0&moment=2&unwrapped=1&t=2024-01-20T03:00';
    const button = (i) => `.chapter .turns button:nth-of-type(${i})`;

    test('Next goes through all six, each sets what it is about, Back goes back, and it ends', async () => {
      await page.open();
      expect(await seen()).toMatchObject({ title: chapters[0].title, view: 'dials', current: [1], focused: false });
      for (let n = 2; n <= 6; n++) {
        await page.setState(`${spoilt}&chapter=${n - 1}${n === 6 ? '&person=1' : ''}`);
        await page.browser.waitFor(() => document.querySelector('.player select').value === 'season');
        expect(await seen()).toMatchObject({ on: [false, false, false], unwrapped: [true], network: 'action', moment: false, current: [n - 1] });
        await page.click(button(2));
        const { title, view, span } = chapters[n - 1];
        expect(await arrivedAt(n)).toEqual({
          title, view, span, inView: true, focused: true, current: [n], on: [true, true, true], unwrapped: [false], network: 'layers', moment: true,
        });
        const address = await page.address();
        expect(Object.fromEntries(address)).toEqual({ chapter: String(n), t: '2024-01-20T03:00', ...(span !== 'day' && { span }) }); // time stays; person 0
      }
      await page.click(button(1));
      expect(await arrivedAt(5)).toMatchObject({ title: chapters[4].title, current: [5], focused: true });
      await page.click(button(2));
      await arrivedAt(6);
      expect(await page.text(button(2))).toBe('End the tour');
      await page.click(button(2));
      await page.browser.waitFor(() => !document.querySelector('.chapter'));
      expect(await seen()).toMatchObject({ title: null, current: [] });
      expect(await page.browser.evaluate(() => document.activeElement !== document.body)).toBe(true); // the keyboard is not lost
      expect((await page.address()).get('chapter')).toBe('0');
    });

    test('the list goes to any of them; the first takes the time and the model back', async () => {
      await page.open(`${spoilt}&model=kuairand&chapter=0`);
      expect((await seen()).current).toEqual([]);
      await page.click('.chapters li:nth-child(4) button');
      expect(await arrivedAt(4)).toMatchObject({ title: chapters[3].title, current: [4], focused: true, inView: true });
      await page.click('.chapters li:nth-child(1) button');
      expect(await arrivedAt(1)).toMatchObject({ title: chapters[0].title, current: [1], span: 'day', on: [true, true, true] });
      expect(await page.browser.evaluate(() => document.querySelector('.chapter .turns button').disabled)).toBe(true);
      await page.browser.waitFor(() => document.querySelector('#model').value === 'rhythm');
      expect(await page.saidTime()).toBe(FIRST_TIME);
      expect((await page.address()).toString()).toBe('');
    });
  });
});
