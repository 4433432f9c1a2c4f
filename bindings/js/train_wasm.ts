/* train_wasm.ts: one instance of the training module, holding one training. In: numbers and texts. Out: copies of what C
 * tells, typed errors. */
import { Instance, type Abi } from './instance.js';
import type { SimulatedEvent, Simulation, TrainingEvent, TrainingInfo } from './train_types.js';

type Name = 'create' | 'info' | 'run' | 'is_done' | 'step_count' | 'model' | 'feed';

interface TrainAbi extends Abi {
  /** The options' defaults, in the order in which C takes them. */
  simulation: Required<Simulation>;
}

export class TrainWasm extends Instance<Name, TrainAbi> {
  static readonly of = (exports: WebAssembly.Exports): TrainWasm => new TrainWasm(exports, 'create', 'training');

  /** simulation: by the abi's order of names. recipe: JSON. */
  create(simulation: readonly number[], recipe: string): void {
    const text = new TextEncoder().encode(recipe);
    const numbers = new Uint8Array(Float64Array.from(simulation).buffer);
    this.reserve(numbers.length + text.length);
    this.write(numbers, 0);
    this.write(text, numbers.length);
    this.check(this.live.create(text.length));
  }

  info(): Omit<TrainingInfo, 'build' | 'recipe'> {
    this.check(this.live.info());
    return JSON.parse(this.#told()) as TrainingInfo;
  }

  run(n: number): TrainingEvent[] {
    this.check(this.live.run(n));
    return JSON.parse(this.#told(), nullIsNaN) as TrainingEvent[];
  }

  get isDone(): boolean {
    return this.live.is_done() !== 0;
  }

  get stepCount(): number {
    return this.live.step_count();
  }

  model(best: boolean): Uint8Array {
    this.check(this.live.model(Number(best)));
    return this.bytes().slice();
  }

  feed(user: number, n: number): SimulatedEvent[] {
    this.check(this.live.feed(user, n));
    return JSON.parse(this.#told()) as SimulatedEvent[];
  }

  #told(): string {
    return new TextDecoder().decode(this.bytes());
  }
}

function nullIsNaN(_: string, value: unknown): unknown {
  return value === null ? NaN : value;
}
