// values_feed.mjs: the feed that the page must show: its file's history with the reader's edits, ranked here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../js/support.mjs';
import { parseCsv } from './page.mjs';
import { DAY, MINUTE, addressTime, column, eventually, same, spanMs, windowFrom } from './values_expected.mjs';

const files = {
  rhythm: { file: 'rhythm-feed.json', likes: ['like', 'engage'] }, // who likes engages: the simulator's people
  kuairand: { file: 'sample-feed.json', likes: ['like'] },
};

/** edits: "3l.5r.7m-90", as in the address */
export class ExpectedFeed {
  constructor(expected, name, { person = 0, edits = '' } = {}) {
    const { users } = JSON.parse(readFileSync(join(root, 'demo/data', files[name].file), 'utf8'));
    this.expected = expected;
    this.user = users[person];
    this.candidates = this.user.candidates;
    this.titles = this.candidates.map(({ item }) => item.title);
    const original = this.user.history.map((event, index) => ({ index, event, at: Date.parse(event.time) }));
    this.original = original;
    this.history = this.#edited(original, edits, files[name].likes);
  }

  #edited(original, edits, likes) {
    const midnight = (t) => Math.floor(t / DAY) * DAY;
    const all = [this.expected.firstTime, ...original.map(({ at }) => at)];
    const [first, last] = [midnight(Math.min(...all)), midnight(Math.max(...all)) + DAY - MINUTE];
    const changes = new Map(edits.split('.').filter(Boolean).map((text) => {
      const [, index, like, removed, moved = 0] = /^(\d+)(l?)(r?)(?:m(-?\d+))?$/.exec(text);
      return [Number(index), { like, removed, moved: Number(moved) }];
    }));
    return original
      .flatMap(({ index, event, at }) => {
        const { like, removed, moved = 0 } = changes.get(index) ?? {};
        if (removed) return [];
        const time = Math.min(last, Math.max(first, at + moved * MINUTE));
        const action = { ...event.action };
        if (like) for (const name of likes) action[name] = event.action.like ? 0 : 1;
        return [{ index, at: time, event: { ...event, action, time: moved ? time : event.time } }];
      })
      .sort((a, b) => a.at - b.at || a.index - b.index);
  }

  #session(history, use) {
    const session = this.expected.model.createSession({ history: history.map(({ event }) => event) });
    try {
      return use(session);
    } finally {
      session.dispose();
    }
  }

  /** Best first, with explanations: { index, score, probabilities, timeless, influence: by event of the whole history } */
  explained(now) {
    return this.#session(this.history, (session) =>
      session.rank(this.candidates, { now, explain: true }).items.map(({ index, score, probabilities, explanation }) => {
        const influence = new Array(this.original.length).fill(undefined);
        for (const { index: original } of this.history) influence[original] = 0; // where it is older than what is read
        const dropped = this.history.length - session.count;
        for (const event of explanation.events) influence[this.history[event.index + dropped].index] = event.influence;
        return { index, score, probabilities, timeless: explanation.timeless, influence };
      }),
    );
  }

  /** By candidate, from 1: the places with the history as it was. */
  placesBefore(now) {
    const places = [];
    this.#session(this.original, (session) => session.rank(this.candidates, { now }).items.forEach(({ index }, i) => (places[index] = i + 1)));
    return places;
  }

  /** By time, then by candidate. */
  scores(times) {
    return this.#session(this.history, (session) =>
      times.map((now) => {
        const scores = [];
        for (const { index, score } of session.rank(this.candidates, { now }).items) scores[index] = score;
        return scores;
      }),
    );
  }

  /** As the reasons say an event: its title, day and hour. */
  said(index) {
    const { event, at } = this.history.find((one) => one.index === index);
    return `“${event.item.title}” ${new Date(at).toUTCString().slice(0, 3)} ${addressTime(at).slice(11)}`;
  }
}

/** What the page shows of its list once it rests, and the CSV that its button saves. */
async function readList(browser) {
  const found = await browser.evaluate(async () => {
    document.getElementById('feed-list').scrollIntoView({ block: 'center' });
    if (document.querySelector('#feed-list.stale') || !document.querySelector('#feed-list > li')) return null;
    const text = (row, name) => row.querySelector(name).textContent;
    const rows = [...document.querySelectorAll('#feed-list > li')].map((row) => ({
      place: text(row, '.place'), title: text(row, '.what b'), share: text(row, '.share .number'), score: text(row, '.score'), moved: text(row, '.moved span'), why: text(row, '.why'),
    }));
    let blob;
    const [make, click] = [URL.createObjectURL, HTMLAnchorElement.prototype.click];
    URL.createObjectURL = (made) => ((blob = made), 'blob:none');
    HTMLAnchorElement.prototype.click = () => {};
    document.querySelector('[aria-label="Ranked now: save as CSV"]').click();
    URL.createObjectURL = make;
    HTMLAnchorElement.prototype.click = click;
    return { rows, csv: await blob.text() };
  });
  if (!found) throw new Error('the list is not up to date');
  return found;
}

const must = (condition, message) => {
  if (!condition) throw new Error(message);
};
const ROUND = 1e-9;
const NEGLIGIBLE = 0.0005; // an influence that is not said

/** Is the order of places that of these numbers, best first, but for what is closer than the tolerance? */
function checkOrder(values, places, tolerance, what) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  must(order.every((index, i) => places[index] === i + 1), `${what}: ${places} is no order`);
  order.slice(1).forEach((index, i) => must(values[order[i]] >= values[index] - 2 * tolerance, `${what}: candidate ${index} stands after ${order[i]}`));
}

/** List, reasons, history and scores over the window. settings: of the address */
export async function checkFeed(page, feed, settings) {
  const { expected, titles } = feed;
  const { time = expected.firstTime, span = 'day' } = settings;
  const { tolerance } = page;
  const tasks = expected.model.info.tasks;
  const wanted = feed.explained(time);
  const byIndex = wanted.toSorted((a, b) => a.index - b.index);
  const of = (rows, name) => rows.map((row) => row[name]);
  const before = feed.placesBefore(expected.firstTime);
  const unedited = feed.placesBefore(time);

  await eventually(() => readList(page.browser), ({ rows, csv }) => {
    const found = parseCsv(csv);
    must(column(found, 'asked at (UTC)').every((t) => t === new Date(time).toISOString()), 'asked at another time');
    const shown = column(found, 'item').map((title) => titles.indexOf(title));
    must(new Set(shown).size === titles.length && !shown.includes(-1), `items ${shown}`);
    const places = [];
    shown.forEach((index, i) => (places[index] = i + 1));
    checkOrder(of(byIndex, 'score'), places, tolerance, 'ranked');
    const mine = shown.map((index) => byIndex[index]);
    same(column(found, 'place'), shown.map((_, i) => i + 1), 0, 'places');
    same(column(found, 'score'), of(mine, 'score'), tolerance, 'scores');
    for (const task of tasks) same(column(found, task), mine.map(({ probabilities }) => probabilities[task]), tolerance, task);
    same(column(found, 'score without time'), of(mine, 'timeless'), tolerance, 'scores without time');
    const timeless = [];
    shown.forEach((index, i) => (timeless[index] = column(found, 'place without time')[i]));
    checkOrder(of(byIndex, 'timeless'), timeless, tolerance, 'without time');
    if (tolerance === 0) {
      same(shown, of(wanted, 'index'), 0, 'order');
      same(column(found, 'place before'), shown.map((index) => before[index]), 0, 'places before');
      same(column(found, 'place with the history as it was'), shown.map((index) => unedited[index]), 0, 'places with the history as it was');
    }

    const placesBefore = column(found, 'place before');
    const placesUnedited = column(found, 'place with the history as it was');
    rows.forEach((row, i) => {
      const { score, probabilities, influence } = mine[i];
      must(row.title === titles[shown[i]] && row.place === String(i + 1), `row ${i} is ${row.title}, the CSV's ${titles[shown[i]]}`);
      same([parseFloat(row.score)], [score], 0.0005 + tolerance + ROUND, 'score in the list');
      same([parseFloat(row.share)], [100 * probabilities[tasks[0]]], 0.05 + 100 * tolerance + ROUND, 'probability in the list');
      const moved = placesBefore[i] - (i + 1);
      must(row.moved === (moved === 0 ? '–' : `${moved > 0 ? '▲' : '▼'} ${Math.abs(moved)}`), `row ${i} moved ${moved}, not ${row.moved}`);
      checkReasons(row.why, { place: i + 1, before: placesBefore[i], unedited: placesUnedited[i], timeless: timeless[shown[i]], influence });
      must(row.why.endsWith(column(found, 'why')[i]), `reasons of the CSV: ${column(found, 'why')[i]}`);
    });
  });

  function checkReasons(words, { place, before, unedited, timeless, influence }) {
    const step = (by) => `${by > 0 ? 'up' : 'down'} ${Math.abs(by)}`;
    const [byTime, byReader] = [before - unedited, unedited - place];
    const has = (text) => must(words.toLowerCase().includes(text), `no “${text}” in: ${words}`);
    if (byTime !== 0) has(byReader === 0 ? `${step(byTime)} because of the time` : `because of the time ${step(byTime)}`);
    if (byReader !== 0) has(byTime === 0 ? `${step(byReader)} because of your changes` : `because of your changes ${step(byReader)}`);
    if (byTime === 0 && byReader === 0) must(!words.includes('because'), words);
    has(timeless === place ? 'without time in the rotation: the same place' : `without time in the rotation it would be ${timeless}`);
    // the two that mattered most, the strongest first
    const strength = influence.map((v) => Math.abs(v ?? 0)).sort((a, b) => b - a);
    const n = strength.slice(0, 2).filter((v) => v >= NEGLIGIBLE).length;
    const said = [...words.matchAll(/(“[^”]*” \w+ [\d:]+) \(([+−])([\d.]+)\)/g)];
    must(said.length === n, `${said.length} reasons, not ${n}, in: ${words}`);
    said.forEach(([, event, sign, size], i) => {
      const value = Number(size) * (sign === '+' ? 1 : -1);
      const near = (v) => v !== undefined && Math.abs(v - value) <= 0.0005 + tolerance + ROUND;
      must(influence.some((v, index) => near(v) && feed.said(index) === event), `${event} (${value}) is no influence, in: ${words}`);
      must(Math.abs(value) >= strength[i] - 0.0005 - 2 * tolerance - ROUND, `${event} (${value}) is not the strongest, ${strength[i]}`);
    });
  }

  await page.figure('feed-history', (found) => {
    same(column(found, 'event'), feed.original.map(({ index }) => index), 0, 'events');
    const kept = new Map(feed.history.map((one) => [one.index, one]));
    column(found, 'time (UTC)').forEach((t, index) => must(!kept.has(index) || t === new Date(kept.get(index).at).toISOString(), `event ${index} at ${t}`));
    column(found, 'removed').forEach((word, index) => must((word === 'no') === kept.has(index), `event ${index} removed: ${word}`));
    column(found, 'what was done').forEach((word, index) => must(!kept.has(index) || (word === 'liked') === kept.get(index).event.action.like > 0, `event ${index}: ${word}`));
    titles.forEach((title, candidate) => {
      const cells = column(found, `influence on ${title}`);
      const { influence } = byIndex[candidate];
      must(cells.every((cell, i) => (cell === '') === (influence[i] === undefined)), `influences on ${title}: ${cells}, wanted ${influence}`);
      same(cells.filter((cell) => cell !== ''), influence.filter((v) => v !== undefined), 2 * tolerance, `influence on ${title}`);
    });
  });

  const times = Array.from({ length: 49 }, (_, i) => windowFrom(time, span) + (spanMs(span) * i) / 48);
  const scores = feed.scores(times);
  await page.figure('scores', (found) => {
    must(String(column(found, 'time (UTC)')) === String(times.map((t) => new Date(t).toISOString())), 'scores at other times');
    titles.forEach((title, candidate) => same(column(found, title), scores.map((row) => row[candidate]), tolerance, `scores of ${title}`));
  });
}
