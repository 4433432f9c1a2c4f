// The live training: begun, watched, paused, begun again with another rhythm, left and come back to; and the page answers meanwhile.
import { inEachBrowser, wait } from './use_support.mjs';

const ANSWER_MS = 200;

inEachBrowser((page) => {
  const status = () => page.text('.live-status');
  const step = async () => Number(/Step (\d+)/.exec((await status()) ?? '')?.[1] ?? -1);
  const stepOver = (least, timeout = 60_000) =>
    page.browser.waitFor((most) => Number(/Step (\d+)/.exec(document.querySelector('.live-status')?.textContent ?? '')?.[1]) > most, [least], timeout);
  /** It says no other step for a second, once what was on its way has come. */
  const rests = () => page.browser.waitFor(() => {
    const said = () => Number(/Step (\d+)/.exec(document.querySelector('.live-status').textContent)[1]);
    const before = said();
    return new Promise((done) => setTimeout(() => done(said() === before && before), 1000));
  }, [], 10_000);
  const planted = () => page.browser.evaluate(() => /Planted: (.*?)\. Its/.exec(document.querySelector('#live').textContent)?.[1]);
  const button = (id) => page.browser.evaluate((name) => (({ textContent, disabled }) => [textContent, disabled])(document.getElementById(name)), id);
  const modelName = () => page.browser.evaluate(() => document.querySelector('#model').value);

  test('grows, lets itself be paused, and goes on', async () => {
    await page.open();
    expect(await button('live-begin')).toEqual(['Start training', false]);
    expect(await button('live-pause')).toEqual(['Go on', true]);
    await page.click('#live-begin');
    await stepOver(20);
    expect(await modelName()).toBe('live');
    expect(await button('live-begin')).toEqual(['Start again', false]);
    expect(await button('live-pause')).toEqual(['Pause', false]);
    expect(await status()).toMatch(/loss 0\.\d{3}[1-9]\d* steps a second.*events.*parameters/);
    const early = { losses: await page.figure('losses'), dials: await page.figure('dials') };
    await stepOver(await step() + 60);
    const late = { losses: await page.figureWhere('losses', ({ rows }) => rows.length > early.losses.rows.length) };
    expect(late.losses.rows.at(-1)[0]).toBeGreaterThan(early.losses.rows.at(-1)[0]);
    expect(late.losses.rows[0][0]).toBe(0); // its history begins with the model that knew nothing
    await page.figureWhere('dials', ({ rows }) => rows.some(([, learned], j) => Math.abs(learned - early.dials.rows[j][1]) > 1e-4));

    await page.click('#live-pause');
    expect(await button('live-pause')).toEqual(['Go on', false]);
    const rested = await rests();
    await page.click('#live-pause');
    expect(await button('live-pause')).toEqual(['Pause', false]);
    await stepOver(rested);
  });

  test('the page answers meanwhile', async () => {
    await page.open('model=live'); // such an address begins it
    await stepOver(5);
    await page.show('#dials');
    await page.browser.evaluate(() => {
      window.answers = [];
      // from the key itself until the words and a frame are there
      addEventListener('keydown', ({ timeStamp }) => requestAnimationFrame(() => window.answers.push(performance.now() - timeStamp)), true);
    });
    const before = await step();
    const said = await page.saidTime();
    await page.focus('#scrubber');
    for (let i = 0; i < 9; i++) {
      await wait(100 + ((i * 67) % 150)); // nothing else is asked of the page before: it would have to answer that first
      await page.browser.press('ArrowRight');
    }
    await page.browser.waitFor(() => window.answers.length === 9);
    const answers = (await page.browser.evaluate(() => window.answers)).sort((a, b) => a - b);
    expect(answers[4]).toBeLessThan(ANSWER_MS);
    expect(answers[7]).toBeLessThan(3 * ANSWER_MS);
    expect(await page.saidTime()).toBe(said + 9 * 30 * 60_000);
    await stepOver(before); // it was not the key that waited for the training to rest
  });

  test('begins again with what is planted then; another model on screen makes it rest, and it goes on from there', async () => {
    await page.open('day=12&seed=3&week=336&weekshare=0.5&chapter=5');
    await page.click('#live-begin');
    await stepOver(40);
    expect(await planted()).toBe('12 h and 14 days');
    const [slider, share] = await page.browser.evaluate(() =>
      ['Fast rhythm', 'Part of the slow'].map((words) => {
        const label = [...document.querySelectorAll('#live .slider')].find((one) => one.querySelector('.name').textContent === words);
        label.control.id = `test-${words.replaceAll(' ', '-')}`;
        return `#${label.control.id}`;
      }),
    );
    await page.keys(slider, 'End');
    await page.keys(share, 'Home');
    expect(await planted()).toBe('12 h and 14 days'); // it learns what it learns
    await page.click('#live-begin');
    await page.browser.waitFor(() => /Planted: 3 days\./.test(document.querySelector('#live').textContent), [], 60_000);
    await stepOver(10);

    await page.keys('#model', 'Home'); // another model
    await page.browser.waitFor(() => document.querySelector('.facts dd').textContent === 'Planted rhythm');
    expect(await modelName()).toBe('rhythm');
    const rested = await rests();
    expect(await button('live-pause')).toEqual(['Go on', false]);
    const dials = await page.figure('dials');
    await wait(600);
    expect(await step()).toBe(rested);
    expect((await page.figure('dials')).rows).toEqual(dials.rows);

    await page.click('#live-pause');
    await stepOver(rested);
    expect(await modelName()).toBe('live');
    await page.browser.waitFor(() => document.querySelector('.facts dd').textContent === 'Live training');
    const { rows } = await page.figureWhere('losses', (found) => found.rows.length > 2);
    expect(rows[0][0]).toBe(0); // the whole of its history, also from before
  });

  // A quarter of a minute of two cores: once is enough, the numbers of a training are the same everywhere.
  if (page.name === 'chromium')
    test('ends, and has found the day that was planted', async () => {
      await page.open('model=live&span=week');
      await page.browser.waitFor(() => /The training is done/.test(document.querySelector('#live').textContent), [], 150_000);
      expect(await button('live-pause')).toEqual(['Go on', true]);
      const [, at, of] = /Step (\d+) of (\d+)/.exec(await status());
      expect(at).toBe(of);
      await page.browser.waitFor(() => /Its angles now move with (day|24 h)/.test(document.querySelector('#live').textContent));
      const { rows } = await page.figure('losses');
      expect(rows.at(-1)[0]).toBe(Number(of));
    });
});
