// The feed: it follows the time and what is done to its history, by pointer, finger and buttons, and says why.
import { inEachBrowser } from './use_support.mjs';


inEachBrowser((page) => {
  const order = () => page.browser.evaluate(() => [...document.querySelectorAll('#feed-list > li .what b')].map(({ textContent }) => textContent));
  const scores = () => page.browser.evaluate(() => [...document.querySelectorAll('#feed-list > li .score')].map(({ textContent }) => Number(textContent)));
  /** A frame after the list is fresh. */
  const scoresBecome = (wanted, same = true) => page.browser.waitFor((text, equal) => {
    const now = JSON.stringify([...document.querySelectorAll('#feed-list > li .score')].map(({ textContent }) => Number(textContent)));
    return (now === text) === equal;
  }, [JSON.stringify(wanted), same]);
  const reasons = () => page.browser.evaluate(() => [...document.querySelectorAll('#feed-list > li .why')].map(({ textContent }) => textContent));
  const fresh = () => page.browser.waitFor(() => {
    const list = document.getElementById('feed-list');
    return list.children.length > 0 && !list.classList.contains('stale') && [...list.querySelectorAll('.why')].every(({ textContent }) => textContent !== '');
  });
  const event = (index) => page.browser.evaluate((i) => {
    const handle = document.getElementById(`event-${i}`);
    const { left, top } = handle.getBoundingClientRect();
    return { left, top, said: handle.getAttribute('aria-valuetext'), now: Number(handle.getAttribute('aria-valuenow')) };
  }, index);
  const edits = async () => (await page.address()).get('edits');
  const panelButton = async (words) => {
    await page.browser.evaluate((text) => {
      for (const button of document.querySelectorAll('.event-panel button')) button.dataset.test = [button.textContent, button.getAttribute('aria-label')].includes(text) ? 'this' : '';
    }, words);
    if (!(await page.has('.event-panel button[data-test=this]'))) throw new Error(`no ${words} in ${await page.text('.event-dock')}`);
    await page.browser.click('.event-panel button[data-test=this]');
  };
  const openFeed = async (state = '', options = {}) => {
    await page.open(`chapter=0${state}`, options);
    await page.figure('feed-history');
    await fresh();
  };

  test('ranks anew when the time moves, and says why when it rests', async () => {
    await openFeed();
    const morning = { order: await order(), scores: await scores(), reasons: await reasons() };
    expect(morning.order).toHaveLength(12);
    expect(morning.scores).toEqual([...morning.scores].sort((a, b) => b - a));
    expect(morning.reasons.every((text) => /Without time in the rotation/.test(text) && /Most of all: .*(liked|opened|skipped) “|No event/.test(text))).toBe(true);
    expect(await page.browser.evaluate(() => [...document.querySelectorAll('#feed-list .moved')].every(({ dataset }) => dataset.by === 'same'))).toBe(true);

    let meanwhile;
    const hold = async () => {
      await page.browser.waitFor((old) => document.querySelector('#feed-list > li .score').textContent !== old.toFixed(3), [morning.scores[0]]);
      meanwhile = await scores(); // before it is let go
    };
    await page.browser.evaluate(() => {
      window.wasStale = false;
      new MutationObserver(() => { window.wasStale ||= document.getElementById('feed-list').classList.contains('stale'); }).observe(document.getElementById('feed-list'), { attributes: true });
    });
    await page.browser.drag({ selector: '#scrubber', at: [1 / 3, 0.5] }, { selector: '#scrubber', at: [0.93, 0.5] }, { hold });
    await page.browser.waitFor(() => window.wasStale);
    await fresh();
    const night = { order: await order(), scores: await scores(), reasons: await reasons() };
    expect(meanwhile).not.toEqual(morning.scores);
    expect(night.order).not.toEqual(morning.order);
    expect([...night.order].sort()).toEqual([...morning.order].sort());
    expect(night.scores).toEqual([...night.scores].sort((a, b) => b - a));
    expect(night.reasons.filter((text) => /^(Up|Down) \d+ because of the time\./.test(text)).length).toBeGreaterThan(2);
    for (const [place, title] of night.order.entries()) {
      const by = morning.order.indexOf(title) - place;
      const said = await page.browser.evaluate((i) => document.querySelectorAll('#feed-list > li .moved')[i].textContent, place);
      expect([title, said]).toEqual([title, expect.stringContaining(by > 0 ? `up ${by}` : by < 0 ? `down ${-by}` : 'not moved')]);
    }
    await page.click('.player .back');
    await fresh();
    await scoresBecome(morning.scores);
    expect(await order()).toEqual(morning.order);
  });

  test('the status says the build, the variant, how many and how long', async () => {
    await openFeed();
    await page.waitForText('#feed-status', 'explained in');
    expect(await page.text('#feed-status')).toMatch(/^(relaxed|strict) SIMD, siren rotation · 12 items · (the last \d+ of \d+|\d+) events.* · ranked in \d+(\.\d)? ms \(median.*\) · explained in \d+(\.\d)? ms$/);
    await page.click('.controls [aria-label="Ask at"] button:last-of-type');
    expect(await page.saidTime()).toBe(Date.UTC(2024, 0, 25, 22, 30));
    const before = await order();
    await page.click('input[name=person][value="1"]');
    await page.browser.waitFor((old) => document.querySelector('#feed-list > li .what b').textContent !== '' && JSON.stringify([...document.querySelectorAll('#feed-list > li .what b')].map(({ textContent }) => textContent)) !== old, [JSON.stringify(before)]);
    expect((await page.address()).get('person')).toBe('1');
  });

  test('a drag moves an event in time, and over days; the list follows', async () => {
    await openFeed();
    const first = { scores: await scores(), event: await event(39) };
    await page.show('#event-39');
    const { left, top } = await event(39);
    const middle = {};
    await page.browser.drag('#event-39', { x: left + 12 - 60, y: top + 12 }, {
      hold: async () => { Object.assign(middle, await event(39)); },
    });
    const moved = await event(39);
    expect(moved.now).toBeLessThan(first.event.now - 30);
    expect(moved.now % 1440).toBe(middle.now % 1440);
    await page.browser.waitFor((x) => Math.abs(document.getElementById('event-39').getBoundingClientRect().left - x) < 4, [left - 60]); // where the pointer left it
    expect(await edits()).toBe(`39m${moved.now - first.event.now}`);
    await fresh();
    await scoresBecome(first.scores, false);
    expect(await page.text('.history .edits')).toMatch(/1 event is changed/);
    expect((await reasons()).some((text) => /because of your changes/.test(text)) || (await page.text('#view-feed')).includes('The history is changed')).toBe(true);

    await page.browser.drag('#event-39', { x: (await event(39)).left + 12, y: (await event(39)).top + 12 - 70 }); // some rows up: days before
    expect((await event(39)).now).toBeLessThan(moved.now - 1000);
    const { rows } = await page.figure('feed-history');
    expect(Date.parse(rows[39][2])).toBeLessThan(Date.UTC(2024, 0, 25));

    await page.click('.history .edits button'); // put all back
    await page.browser.waitFor(() => /Nothing is changed/.test(document.querySelector('.history .edits').textContent));
    await fresh();
    await scoresBecome(first.scores);
    expect((await event(39)).now).toBe(first.event.now);
    expect(await edits()).toBe(null);
  });

  test('an event is pressed, liked, removed and put back by its buttons', async () => {
    await openFeed();
    const first = await scores();
    const before = await event(38);
    const wasLiked = / liked/.test(before.said);
    await page.click('#event-38');
    await page.waitForText('.event-panel', '·');
    expect((await event(38)).now).toBe(before.now); // a press is no drag
    expect(await edits()).toBe(null);
    await panelButton(wasLiked ? 'Unlike' : 'Like');
    expect(/ liked/.test((await event(38)).said)).toBe(!wasLiked);
    await fresh();
    await scoresBecome(first, false);
    const liked = await scores();
    expect(await edits()).toBe('38l');
    await panelButton('Remove');
    expect((await event(38)).said).toMatch(/removed/);
    await fresh();
    await scoresBecome(liked, false);
    await page.waitForText('#feed-status', '39 events');
    expect(await edits()).toBe('38lr');
    await panelButton('Put back');
    await panelButton(wasLiked ? 'Like' : 'Unlike');
    await fresh();
    await scoresBecome(first);
    expect(await edits()).toBe(null);
    await panelButton('−1 day');
    expect((await event(38)).now).toBe(before.now - 1440);
    await panelButton('+1 h');
    expect((await event(38)).now).toBe(before.now - 1380);
    await panelButton('Close');
    expect(await page.has('.event-panel')).toBe(false);
  });

  test('a finger drags an event, where the driver has one', async () => {
    if (!page.browser.can.touch) {
      expect(page.name).toBe('webkit'); // WebKitGTK's driver has no touch screen
      return;
    }
    await openFeed('', { touch: true, width: 390, height: 800 });
    await page.show('#event-39');
    const before = await event(39);
    const frameTop = () => page.browser.evaluate(() => document.querySelector('#feed-history .frame').getBoundingClientRect().top);
    const top = await frameTop();
    await page.browser.drag('#event-39', { x: before.left + 12 - 50, y: before.top + 12 - 80 });
    const after = await event(39);
    expect(after.now).toBeLessThan(before.now - 1440); // earlier, and some days up
    expect(Math.abs((await frameTop()) - top)).toBeLessThan(60); // the page does not go with the finger
    expect(await edits()).toBe(`39m${after.now - before.now}`);
  });

  test('many edits, all events removed: still a list', async () => {
    await openFeed(`&edits=${Array.from({ length: 40 }, (_, i) => `${i}r`).join('.')}`);
    expect(await order()).toHaveLength(12);
    expect((await reasons()).every((text) => /No event of the history matters/.test(text))).toBe(true);
    await page.waitForText('#feed-status', '· 0 events ·');
    expect(await page.has('#view-feed [role=alert]')).toBe(false);
  });
});
