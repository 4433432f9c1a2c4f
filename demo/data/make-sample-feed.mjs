// Makes sample-feed.json: three invented users of a short-video app, each with about two weeks of history and a feed of
// candidates, in the schema of models/kuairand-excerpt.safetensors. Everything is drawn from a seeded generator: no row
// comes from a data set. The same seed gives the same bytes on every machine.
//
// What is invented: people, habits, titles, topic names, which number is whose. The model knows tags, videos and authors
// as numbers only, so a title is for the reader; the encoder ignores names that its schema does not have.
//
// Usage: node make-sample-feed.mjs > sample-feed.json
import { fileURLToPath } from 'node:url';

const LOCAL_OFFSET_MINUTES = 480; // where these users live; the model's own clock is UTC
const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;
const FIRST_DAY = '2022-04-24';
const DAYS = 10; // the history ends in the night before the day that the feed is asked for
const ASKED_DAY = '2022-05-04';

/** Uniform in [0, 1), mulberry32. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

// A topic: the tag it stands for, its usual length, and the titles of its candidates.
const TOPICS = {
  news: { tag: 12, seconds: 20, titles: ['City wakes up: what changed overnight', 'The week ahead in a minute'] },
  comedy: { tag: 39, seconds: 14, titles: ['My cat runs the meeting', 'Every group chat, ever'] },
  animals: { tag: 7, seconds: 18, titles: ['The otter that stacks stones', 'Street dogs, one year later'] },
  cooking: { tag: 6, seconds: 75, titles: ['One pan, four dinners', 'Breakfast dumplings from scratch'] },
  fitness: { tag: 20, seconds: 90, titles: ['Ten minutes before work', 'Stretching for people who sit'] },
  music: { tag: 43, seconds: 200, titles: ['Street piano, last train home', 'Learning the erhu, day 100'] },
  travel: { tag: 9, seconds: 240, titles: ['Night bus to the mountains', 'A lake with nobody there'] },
  games: { tag: 3, seconds: 320, titles: ['The whole game in nine minutes', 'Five mistakes every beginner makes'] },
  craft: { tag: 62, seconds: 300, titles: ['Restoring a 1950s radio', 'A paper lantern without glue'] },
};

// A habit: local hours, events a day (on average), the topics that are watched then, and those that are skipped.
export const USERS = [
  {
    id: 'commuter', about: 'short news and jokes on the way to work, long games and crafts at night', seed: 352,
    habits: [
      { hours: [7.5, 9], perDay: 2.5, enjoyed: ['news', 'comedy', 'animals'], skipped: ['games', 'craft', 'travel'] },
      { hours: [21, 23.5], perDay: 2.5, enjoyed: ['games', 'craft', 'travel'], skipped: ['news', 'comedy', 'animals'] },
    ],
  },
  {
    id: 'lunch-break', about: 'cooking and sport at noon, music and travel before bed', seed: 430,
    habits: [
      { hours: [12, 14], perDay: 2.5, enjoyed: ['cooking', 'fitness', 'comedy'], skipped: ['music', 'travel', 'games'] },
      { hours: [21, 23.5], perDay: 2.3, enjoyed: ['music', 'travel'], skipped: ['cooking', 'fitness', 'comedy'] },
    ],
  },
  {
    id: 'night-owl', about: 'skips everything by day, watches long videos after midnight', seed: 1078,
    habits: [
      { hours: [10, 13], perDay: 2, enjoyed: ['animals'], skipped: ['craft', 'games', 'music', 'comedy', 'news'] },
      { hours: [23.5, 25.5], perDay: 3, enjoyed: ['craft', 'games', 'music'], skipped: ['comedy', 'animals'] },
    ],
  },
];

const localMidnight = (day) => Date.parse(`${day}T00:00:00Z`) - LOCAL_OFFSET_MINUTES * 60000;

/** ISO 8601 with the users' own offset: what a person reads is the local time, what a machine reads is exact. */
function localTime(time_ms) {
  return new Date(time_ms + LOCAL_OFFSET_MINUTES * 60000).toISOString().replace('Z', '+08:00');
}

/** One user: { id, about, history, candidates }, the history oldest first. */
export function makeUser({ id, about, seed, habits }) {
  const random = generator(seed);
  const whole = (below) => Math.floor(random() * below);
  const pick = (list) => list[whole(list.length)];
  const authors = Object.fromEntries(Object.keys(TOPICS).map((topic) => [topic, [whole(8000000), whole(8000000)]]));

  const makeItem = (topic, title) => ({
    title, topic, video_id: whole(7583), author_id: pick(authors[topic]), tag: [TOPICS[topic].tag], tab: 1,
    duration_s: Math.round(TOPICS[topic].seconds * (0.7 + 0.6 * random())),
  });

  function makeEvent(time_ms, { enjoyed, skipped }) {
    const good = random() < 0.55;
    const topic = pick(good ? enjoyed : skipped);
    const watch_ratio = Number((good ? 0.8 + 0.7 * random() : 0.1 * random()).toFixed(2));
    const action = {
      click: good ? 1 : 0, long_view: good ? 1 : 0, like: good && random() < 0.25 ? 1 : 0,
      profile_enter: good && random() < 0.15 ? 1 : 0, watch_ratio,
    };
    return { time: localTime(time_ms), item: makeItem(topic, `(some ${topic})`), action };
  }

  const history = [];
  for (let day = 0; day < DAYS; day++) {
    const midnight_ms = localMidnight(FIRST_DAY) + day * DAY_MS;
    for (const habit of habits) {
      const [from, to] = habit.hours;
      const n = Math.floor(habit.perDay + random());
      for (let i = 0; i < n; i++) {
        history.push(makeEvent(midnight_ms + Math.floor((from + (to - from) * random()) * HOUR_MS), habit));
      }
    }
  }
  history.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  const candidates = Object.entries(TOPICS).flatMap(([topic, { titles }]) => titles.map((title) => {
    const item = makeItem(topic, title);
    return { id: `v${item.video_id}`, item, context: { tab: item.tab } };
  }));
  return { id, about, history, candidates };
}

function print() {
  const times = [['morning', '08:00'], ['midday', '13:00'], ['night', '22:30']]
    .map(([name, clock]) => ({ name, now: `${ASKED_DAY}T${clock}:00.000+08:00` }));
  const lines = (list) => `[\n${list.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n   ]`;
  const users = USERS.map(makeUser).map(({ id, about, history, candidates }) => `  {
   "id": ${JSON.stringify(id)},
   "about": ${JSON.stringify(about)},
   "history": ${lines(history)},
   "candidates": ${lines(candidates)}
  }`);
  process.stdout.write(`{
 "model": "models/kuairand-excerpt.safetensors",
 "times": ${JSON.stringify(times)},
 "users": [
${users.join(',\n')}
 ]
}
`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) print();
