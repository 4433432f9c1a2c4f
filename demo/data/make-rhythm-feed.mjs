// Makes rhythm-feed.json: two users of the simulator and twelve candidates, in the schema of models/planted-rhythm.safetensors.
// The events are the simulator's; the users' numbers lie beyond those that the model was trained on. What is said about the
// users is what was planted in them: their phases, drawn here as src/train/simulate.c draws them.
//
// What is invented: the names of the topics and the titles. The model knows topics and items as numbers only; the encoder
// ignores names that its schema does not have.
//
// Usage: siren-rope simulate --out EVENTS --users 7500; node make-rhythm-feed.mjs EVENTS > rhythm-feed.json
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const USERS = [7034, 7497]; // the model is trained on 0 to 5999
const ASKED_DAY = '2024-01-25'; // a Thursday in the validation days; times are UTC, as the model's
const TIMES = [['morning', '08:00'], ['midday', '13:00'], ['night', '22:30']];
const HISTORY = 40;
const CANDIDATES = 12; // items 0 to 11: item i is of topic i % 8

// Titles of a topic's first three items; the others are "(some news)".
const TOPICS = [
  ['news', 'City headlines', 'Harbour report', 'Budget debate'],
  ['cooking', 'Lentil soup', 'Rye bread', 'Plum cake'],
  ['running', 'Hill intervals', 'Trail shoes', 'Marathon diary'],
  ['music', 'String quartet', 'Brass band', 'Old vinyl'],
  ['games', 'Chess endgame', 'Puzzle league', 'Dice tower'],
  ['crafts', 'Willow basket', 'Linocut print', 'Wool mittens'],
  ['travel', 'Mountain hut', 'River ferry', 'Island map'],
  ['science', 'Comet tail', 'Deep-sea coral', 'Ice core'],
].map(([name, ...titles]) => ({ name, titles }));
const WEEKDAYS = ['Thursdays', 'Fridays', 'Saturdays', 'Sundays', 'Mondays', 'Tuesdays', 'Wednesdays']; // 1970 began on a Thursday

// ------------------------------------------------------------------ what was planted

const u64 = (x) => BigInt.asUintN(64, x);
const GOLDEN = 0x9e3779b97f4a7c15n;

/** splitmix64's scrambling. */
function mix(x) {
  x = u64(x + GOLDEN);
  x = u64((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = u64((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  return x ^ (x >> 31n);
}

/** Uniform in [0, 1): xoshiro256++ of a seed and a stream, as src/base/rng.c. */
function generator(seed, stream) {
  const rotate = (x, k) => u64((x << k) | (x >> (64n - k)));
  const start = mix(u64(mix(BigInt(seed)) + BigInt(stream)));
  const s = [0n, 1n, 2n, 3n].map((i) => mix(u64(start + i * GOLDEN)));
  return () => {
    const result = u64(rotate(u64(s[0] + s[3]), 23n) + s[0]);
    const shifted = u64(s[1] << 17n);
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45n);
    return Number(result >> 11n) * 2 ** -53;
  };
}

/** When a user's tastes are strongest: [{ day, week }], parts of a day from midnight and of a week from Thursday on. */
function phasesOf(seed, number) {
  const random = generator(seed, number);
  const skipNormal = () => [random(), random()];
  skipNormal(); // the user's own inclination
  return [0, 1].map(() => {
    skipNormal(); // the taste's constant part
    return { day: random(), week: random() };
  });
}

/** Topics k and k + 4 are for taste k % 2 (k = 0, 1) or against it (k = 2, 3): those peak half a period later. */
function describe(seed, number) {
  const phases = phasesOf(seed, number);
  const peaks = [0, 1, 2, 3].map((k) => {
    const { day, week } = phases[k % 2];
    const later = k < 2 ? 0 : 0.5;
    const hour = Math.round(24 * ((day + later) % 1)) % 24;
    return { names: `${TOPICS[k].name} and ${TOPICS[k + 4].name}`, hour, weekday: WEEKDAYS[Math.floor(7 * ((week + later) % 1))] };
  });
  peaks.sort((a, b) => a.hour - b.hour);
  return peaks.map(({ names, hour, weekday }) => `${names} around ${String(hour).padStart(2, '0')}:00 and on ${weekday}`).join('; ');
}

// ------------------------------------------------------------------ the feed

function describeItem({ topic, id }) {
  const { name, titles } = TOPICS[topic];
  return { topic, id, title: titles[Math.floor(id / TOPICS.length)] ?? `(some ${name})`, name };
}

/** The events before the asked day by user, oldest first. */
async function readEvents(folder) {
  const before = Date.parse(`${ASKED_DAY}T00:00:00Z`);
  const events = new Map(USERS.map((user) => [user, []]));
  for await (const line of createInterface({ input: createReadStream(join(folder, 'events.ndjson')) })) {
    const { user, time, item, action } = JSON.parse(line);
    if (!events.has(user) || time >= before) continue;
    events.get(user).push({ time: new Date(time).toISOString(), item: describeItem(item), action });
  }
  return events;
}

async function print(folder) {
  const { simulated } = JSON.parse(readFileSync(join(folder, 'schema.json'), 'utf8'));
  const events = await readEvents(folder);
  const candidates = Array.from({ length: CANDIDATES }, (_, id) => ({ id: `i${id}`, item: describeItem({ topic: id % TOPICS.length, id }), context: { place: 0 } }));
  const times = TIMES.map(([name, clock]) => ({ name, now: `${ASKED_DAY}T${clock}:00.000Z` }));
  const lines = (list) => `[\n${list.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n   ]`;
  const users = USERS.map((user) => {
    const history = events.get(user).slice(-HISTORY);
    if (history.length < HISTORY) throw new Error(`${folder} has ${history.length} events of user ${user} before ${ASKED_DAY}: simulate 7500 users`);
    return `  {
   "id": "user-${user}",
   "about": ${JSON.stringify(describe(simulated.seed, user))},
   "history": ${lines(history)},
   "candidates": ${lines(candidates)}
  }`;
  });
  process.stdout.write(`{
 "model": "models/planted-rhythm.safetensors",
 "times": ${JSON.stringify(times)},
 "users": [
${users.join(',\n')}
 ]
}
`);
}

if (process.argv.length !== 3) {
  console.error('usage: node make-rhythm-feed.mjs EVENTS > rhythm-feed.json');
  process.exitCode = 2;
} else {
  await print(process.argv[2]);
}
