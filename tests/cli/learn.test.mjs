// `siren-rope ablate` on simulated events: what was planted is found. With times that matter SIREN-RoPE is far below ordinal
// RoPE on the test split, begun at random or as ordinal RoPE exactly; with times that say nothing both are alike.
// 20 s of one core; a sanitizer would make minutes of it and has the other tests.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, sanitized, withFolder } from './program.mjs';

// Small enough to learn in seconds. What matters for that is table_scale: with embeddings of 0.05 the first 500 steps teach nothing,
// with 0.3 or 1 they do; the scales of attention and skip may as well be the paper's.
const recipe = {
  model: {
    d_model: 32, num_heads: 2, n_layers: 1, ffwd_width: 64, angle_width: 32, head_widths: [256], max_history: 64,
    attn_scale: 0.25, skip_scale: 1, table_scale: 1,
  },
  training: { epochs: 8, batch: 16, learning_rate: 3e-3, dropout: 0, weight_decay: 0 },
};

// A row's NE of every task, the mean over seeds, and those of the truth.
function ablate(folder, strength, rows) {
  const data = join(folder, 'data');
  const simulated = run(['simulate', '--out', data, '--users', '1000', '--strength', String(strength), '--json']);
  assert.equal(simulated.status, 0, simulated.stderr);
  const truth = JSON.parse(simulated.stdout).splits.find(({ split }) => split === 'test').tasks;
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify(recipe));
  const args = ['--data', data, '--out', join(folder, 'out'), '--recipe', join(folder, 'recipe.json'), '--rows', rows.join(','), '--seeds', '1'];
  const { status, stderr } = run(['ablate', ...args, '--replicates', '0']);
  assert.equal(status, 0, stderr);
  const results = readFileSync(join(folder, 'out', 'results.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const ne = Object.fromEntries(results.map(({ row, tasks }) => [row, tasks.map(({ ne }) => ne)]));
  return { ne, truth: truth.map(({ truth_ne }) => truth_ne), blind: truth.map(({ blind_ne }) => blind_ne) };
}

test('with planted rhythms the learned rotation beats ordinal RoPE by far', { skip: sanitized && 'slow' }, async (t) => {
  await withFolder((folder) => {
    const { ne, truth, blind } = ablate(folder, 1, ['ordinal', 'full', 'full-zero']);
    t.diagnostic(JSON.stringify({ ne, truth, blind }));
    for (const task of [0, 1]) {
      assert.ok(ne.ordinal[task] < 0.995, `ordinal has learned nothing: ${ne.ordinal[task]}`);
      assert.ok(ne.ordinal[task] > blind[task], `ordinal is better than it can be: ${ne.ordinal[task]}`);
      for (const row of ['full', 'full-zero']) {
        assert.ok(ne[row][task] < ne.ordinal[task] - 0.04, `${row} is no better: ${ne[row][task]} for ${ne.ordinal[task]}`);
        assert.ok(ne[row][task] < blind[task], `${row} is no better than who does not see the time: ${ne[row][task]}`);
        assert.ok(ne[row][task] > truth[task], `${row} is better than the truth: ${ne[row][task]}`);
      }
    }
  });
});

test('where times say nothing it is as good as ordinal RoPE, no better', { skip: sanitized && 'slow' }, async (t) => {
  await withFolder((folder) => {
    const { ne, truth } = ablate(folder, 0, ['ordinal', 'full']);
    t.diagnostic(JSON.stringify({ ne, truth }));
    for (const task of [0, 1]) {
      assert.ok(ne.full[task] < 0.8 && ne.full[task] > truth[task]);
      assert.ok(Math.abs(ne.full[task] - ne.ordinal[task]) < 0.015, `a gap of ${ne.full[task] - ne.ordinal[task]}`);
    }
  });
});
