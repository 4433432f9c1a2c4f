/* own.tsx: the reader's own model: a file that is dropped or chosen, or an address. Its bytes go to the worker and nowhere else. */
import { useSignal } from '@preact/signals';
import { open, openModel, problem } from '../state/model.js';
import { set } from '../state/store.js';

const MOST_BYTES = 1 << 30;

/** What a code of the package means for who has the file. */
const ADVICE: Record<string, string> = {
  network: 'The address could not be read. Is it right, and does its server allow other pages to read it (CORS)?',
  format: 'This is no .safetensors file, or it is cut short or damaged.',
  config: 'The file is a .safetensors file, but its metadata “siren_rope” does not describe a SIREN-RoPE model. The README says what must be there: variant, num_heads and labels.',
  tensor: 'A tensor is missing or has another shape than the others say. Names are those of the authors’ PyTorch modules.',
  value: 'The file holds numbers that are not finite.',
  limit: 'The file asks for more than the package’s bounds.',
  read: 'The browser could not read it. Is it a folder, or was it moved or changed since?',
  memory: 'The browser has not enough memory for this model.',
};

async function openFile(file: File): Promise<void> {
  if (file.size > MOST_BYTES) {
    problem.value = { code: 'limit', message: `expected a file of at most 1 GiB, found ${file.size} bytes`, where: '', name: file.name };
    return;
  }
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    problem.value = { code: 'read', message: (error as Error).message, where: '', name: file.name };
    return;
  }
  if (await openModel({ bytes }, 'file', file.name)) set({ model: 'file', moment: null, time: null });
}

export function Problem() {
  const found = problem.value;
  if (!found) return null;
  return (
    <div class="problem" role="alert">
      <p><b>{found.name || 'The model'} could not be used.</b> {ADVICE[found.code]}</p>
      <p class="soft"><code>{found.code}</code>{found.where && <> at <code>{found.where}</code></>}: {found.message}</p>
      <button type="button" onClick={() => (problem.value = undefined)}>Close</button>
    </div>
  );
}

export function Own() {
  const over = useSignal(false);
  const address = useSignal('');
  const info = open.value?.info;
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    over.value = false;
    const file = event.dataTransfer?.files[0];
    if (file) void openFile(file);
  };
  return (
    <section class="view" id="view-own" aria-labelledby="view-own-title">
      <h2 id="view-own-title">Your own weights</h2>
      <p class="lead">
        Drop a <code>.safetensors</code> file of a SIREN-RoPE model, from our trainer or from PyTorch, and see what its rotation learned. It is read in this page and goes nowhere.
      </p>
      <div
        class={`drop ${over.value ? 'over' : ''}`}
        id="drop"
        onDragOver={(event) => {
          event.preventDefault();
          over.value = true;
        }}
        onDragLeave={() => (over.value = false)}
        onDrop={onDrop}
      >
        <label class="button">
          Choose a file
          <input
            type="file"
            accept=".safetensors"
            class="visually-hidden"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file) void openFile(file);
              event.currentTarget.value = ''; // the same file again is a change, too
            }}
          />
        </label>
        <span>or drop it here</span>
      </div>
      <form
        class="address"
        onSubmit={(event) => {
          event.preventDefault();
          if (address.value) set({ model: address.value, moment: null, time: null });
        }}
      >
        <label>
          <span>or its address</span>
          <input type="url" placeholder="https://example.org/model.safetensors" value={address.value} onInput={(event) => (address.value = event.currentTarget.value)} />
        </label>
        <button type="submit">Open</button>
      </form>
      {info && (
        <dl class="facts">
          <div><dt>open now</dt><dd>{open.value!.name}</dd></div>
          <div><dt>variant</dt><dd>{info.config.variant}</dd></div>
          <div><dt>parameters</dt><dd>{info.parameters.toLocaleString('en')}</dd></div>
          <div><dt>layers L, width D, heads H</dt><dd>{info.sizes.L}, {info.sizes.D}, {info.sizes.H}</dd></div>
          <div><dt>pairs P, angles A</dt><dd>{info.sizes.P}, {info.sizes.A}</dd></div>
          <div><dt>λ (order_scale)</dt><dd>{info.order_scale.toFixed(4)}</dd></div>
          <div><dt>tasks</dt><dd>{info.tasks.join(', ')}</dd></div>
          <div><dt>wasm build</dt><dd>{info.build}</dd></div>
        </dl>
      )}
    </section>
  );
}
