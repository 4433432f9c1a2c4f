// count-tests.mjs FOLDER: adds up what the steps of scripts/test.sh left in FOLDER and prints a table of suites and, as
// its last line, `N passed, N failed, N skipped`. Exit status 1 when anything failed or nothing passed.
// In: steps.tsv (name, exit status); NAME.junit.xml of ctest, whose outputs may hold counts; NAME.jest.json of
// Jest; NAME.node.txt of node --test. Does not run anything.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const folder = process.argv[2];
const rows = []; // [suite, passed, failed, skipped]
const NODE_COUNTS = /^[#ℹ] (pass|fail|cancelled|skipped|todo) (\d+)\r?$/gm;
const NODE_COLUMNS = { pass: 'passed', fail: 'failed', cancelled: 'failed', skipped: 'skipped', todo: 'skipped' };

// A ctest test is one program. cmocka's programs and node --test print how many tests they ran; any other counts as one.
function countProgram(status, output) {
  const n = { passed: 0, failed: 0, skipped: 0 };
  let found = false;
  const add = (column, count) => { n[column] += Number(count); found = true; };
  for (const [, word, count] of output.matchAll(/\[ {2}(PASSED|FAILED|SKIPPED) +\] (\d+) test\(s\)/g)) add(word.toLowerCase(), count);
  for (const [, word, count] of output.matchAll(NODE_COUNTS)) add(NODE_COLUMNS[word], count);
  if (status === 'notrun' || status === 'disabled') n.skipped ||= 1;
  else if (status !== 'run') n.failed ||= 1; // a crash has no failed test of its own
  else if (!found) n.passed = 1;
  return [n.passed, n.failed, n.skipped];
}

function readJunit(name, path) {
  for (const [, attributes, body] of readFileSync(path, 'utf8').matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const attribute = (key) => new RegExp(`\\b${key}="([^"]*)"`).exec(attributes)?.[1];
    rows.push([`${name}: ${attribute('name')}`, ...countProgram(attribute('status'), body ?? '')]);
  }
}

function readJest(name, path) {
  for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) {
    const count = (...statuses) => file.assertionResults.filter(({ status }) => statuses.includes(status)).length;
    const failed = count('failed');
    rows.push([`${name}: ${relative('.', file.name)}`, count('passed'),
      file.status === 'failed' ? Math.max(1, failed) : failed, count('pending', 'skipped', 'todo', 'disabled')]);
  }
}

function readNode(name, path) {
  rows.push([`${name}: node --test`, ...countProgram('run', readFileSync(path, 'utf8'))]);
}

const readers = [['junit.xml', readJunit], ['jest.json', readJest], ['node.txt', readNode]];
for (const line of readFileSync(join(folder, 'steps.tsv'), 'utf8').trim().split('\n')) {
  const [name, status] = line.split('\t');
  const first = rows.length;
  for (const [ending, read] of readers) {
    const path = join(folder, `${name}.${ending}`);
    if (existsSync(path)) read(name, path);
  }
  // A step that failed while none of its tests did (it crashed, or nothing ran) is a failure by itself.
  const suites = rows.slice(first);
  if (suites.length === 0) rows.push([name, status === '0' ? 1 : 0, status === '0' ? 0 : 1, 0]);
  else if (status !== '0' && suites.every(([, , failed]) => failed === 0)) rows.push([name, 0, 1, 0]);
}

const width = Math.max(...rows.map(([suite]) => suite.length));
console.log(`\n${'suite'.padEnd(width)}   passed   failed  skipped`);
for (const [suite, ...counts] of rows) console.log(suite.padEnd(width), ...counts.map((n) => String(n).padStart(8)));
const [passed, failed, skipped] = [1, 2, 3].map((column) => rows.reduce((sum, row) => sum + row[column], 0));
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
