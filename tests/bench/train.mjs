// train.mjs [--rounds R] [--json]: an epoch of training on the KuaiRand excerpt, ours against PyTorch's, run in turn on one thread, and
// ours on two threads. In: the log's folder, $KUAIRAND or ../shared/data/kuairand-pure-part; build/siren-rope; Debian's python3-torch.
// Out: a table of medians and ratios. Nothing counts before the losses agree. README.md says what is compared.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const data = process.env.KUAIRAND ?? join(root, '../shared/data/kuairand-pure-part');
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } } });
const LOSS_TOLERANCE = 0.02; // other random weights and dropout: the first epoch's mean losses differ by about 0.005
const RECIPE = {
  model: { d_model: 64, num_heads: 4, n_layers: 2, max_history: 50, attn_scale: 0.25, skip_scale: 0.5 },
  training: { batch: 256, learning_rate: 1e-3, warmup: 0, weight_decay: 0.01, dropout: 0.2, clip_norm: 1, epochs: 1 },
};

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function run(program, args) {
  const env = { ...process.env, OMP_NUM_THREADS: '1' };
  delete env.OPENBLAS_CORETYPE; // a setting for older OpenBLAS that would slow this one
  delete env.OPENBLAS_L2_SIZE;
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env, timeout: 600_000 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error ?? stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const python = ['/usr/bin/python3', 'python3'].find((name) => spawnSync(name, ['-c', 'import torch, numpy']).status === 0);
if (!existsSync(data)) {
  console.log(`training: skipped, no KuaiRand log at ${data} (name a folder with KUAIRAND=DIR)`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'siren-rope-bench-'));
try {
  const cache = join(folder, 'events.cache'), recipe = join(folder, 'recipe.json');
  writeFileSync(recipe, JSON.stringify(RECIPE));
  const ours = (threads) => run(join(root, 'build/siren-rope'),
    ['bench', 'train', '--data', data, '--cache', cache, '--recipe', recipe, '--threads', String(threads), '--json']);
  const torch = (layout) => run(python, [join(root, 'tests/bench/pytorch_epoch.py'), '--data', cache, '--layout', layout]);
  const sides = [
    ['siren-rope', () => ours(1)], ['siren-rope, 2 threads', () => ours(2)],
    ...(python ? [['PyTorch, padded batches', () => torch('padded')], ['PyTorch, packed batches', () => torch('packed')]] : []),
  ].map(([name, measure]) => ({ name, measure, seconds: [], cpu: [], loss: [] }));
  if (!python) console.log('training: no python3 that imports torch and numpy, so ours alone');
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const side of sides) {
      const { seconds, cpu_seconds: cpu, loss } = side.measure();
      side.seconds.push(seconds[0]);
      side.cpu.push(cpu[0]);
      side.loss.push(loss[0]);
      if (Math.abs(loss[0] - sides[0].loss[0]) > LOSS_TOLERANCE) {
        throw new Error(`${side.name}: mean loss ${loss[0]}, ours ${sides[0].loss[0]}`);
      }
    }
  }
  const base = median(sides[0].seconds), baseCpu = median(sides[0].cpu);
  const rows = sides.map(({ name, seconds, cpu, loss }) => ({
    name, seconds: median(seconds), cpu_seconds: median(cpu), loss: median(loss),
    ours_of_it: base / median(seconds), ours_of_its_cpu: baseCpu / median(cpu) }));
  if (values.json) console.log(JSON.stringify({ rounds: Number(values.rounds), rows }));
  else {
    console.log(`an epoch of training (132,301 tokens, D = 64, L = 2, C = 50), medians of ${values.rounds} taken in turn`);
    console.log(`${''.padEnd(26)} seconds  of processor   loss    ours, of its seconds  of its processor's`);
    for (const r of rows) {
      console.log(`${r.name.padEnd(26)} ${r.seconds.toFixed(2).padStart(7)} ${r.cpu_seconds.toFixed(2).padStart(13)} ${r.loss.toFixed(5)} ${r.ours_of_it.toFixed(3).padStart(22)} ${r.ours_of_its_cpu.toFixed(3).padStart(17)}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
