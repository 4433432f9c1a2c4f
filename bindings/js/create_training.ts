/* create_training.ts: simulated users, a recipe and wasm -> a Training. What values may be is C's business; here are checked
 * only names and that numbers are numbers. */
import { SirenRopeError } from './error.js';
import { checkInstanceOptions, openInstance } from './instance.js';
import { toJson } from './json.js';
import { nameOf } from './kinds.js';
import { checkObject } from './records.js';
import type { Recipe, Simulation, TrainingOptions } from './train_types.js';
import { TrainWasm } from './train_wasm.js';
import { trainWasmUrl } from './train_wasm_url.js';
import { Training } from './training.js';

const OPTIONS = ['simulation', 'recipe', 'build', 'wasm'];

/**
 * Simulates users and gets a model ready to be trained on their events. That takes a moment: about 0.1 s for 1,000 users.
 *
 * @throws SirenRopeError `argument` (an option that there is not, or out of range; where = `simulation.users`), `config`,
 * `limit`, `value` (the recipe; where = `recipe.training.batch`), `memory`, `network`, `io` (the wasm file), `unsupported`
 * (no such SIMD here, or a foreign `wasm`).
 */
export async function createTraining(options: TrainingOptions = {}): Promise<Training> {
  checkNames(options, OPTIONS, '');
  const { simulation = {}, recipe = {} } = options;
  checkObject(simulation, 'simulation');
  checkObject(recipe, 'recipe');
  checkInstanceOptions(options);
  const text = toJson(recipe, 'recipe');
  const wasm = await openInstance(options, trainWasmUrl, TrainWasm.of);
  wasm.create(listNumbers(simulation, wasm.abi.simulation), text);
  return new Training(wasm, { ...wasm.info(), build: wasm.abi.build, recipe: JSON.parse(text) as Recipe });
}

function checkNames(object: object, names: readonly string[], where: string): void {
  checkObject(object, where || 'options');
  for (const name of Object.keys(object))
    if (!names.includes(name)) throw new SirenRopeError('argument', 'there is no such option', `${where}${name}`);
}

/** In the order of the defaults. */
function listNumbers(simulation: Simulation, defaults: Required<Simulation>): number[] {
  const names = Object.keys(defaults) as (keyof Simulation)[];
  checkNames(simulation, names, 'simulation.');
  return names.map((name) => {
    const value: unknown = simulation[name] ?? defaults[name];
    if (typeof value === 'number') return value;
    throw new SirenRopeError('argument', `expected a number, found ${nameOf(value)}`, `simulation.${name}`);
  });
}
