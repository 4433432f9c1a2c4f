/* app.tsx: the page: head, sections in the order of the tour, the player at the foot. */
import { useEffect } from 'preact/hooks';
import { loading, open, ready } from '../state/model.js';
import { reset, set, state } from '../state/store.js';
import { ChapterCard, ChapterList } from '../tour/tour.js';
import { BUNDLED } from '../weights/catalog.js';
import { Angles } from './angles.js';
import { Attention } from './attention.js';
import { Dials } from './dials.js';
import { Feed } from './feed.js';
import { Own, Problem } from './own.js';
import { Player } from './player.js';
import { Training } from './training.js';

const REPOSITORY = 'https://arxiv.org/abs/2604.24717';

function ModelMenu() {
  const name = state.model.value;
  return (
    <label class="model">
      <span>Model</span>
      <select id="model" value={name} onChange={(event) => set({ model: event.currentTarget.value, moment: null, time: null, person: 0, edits: new Map() })}>
        {Object.entries(BUNDLED).map(([key, { label }]) => <option key={key} value={key}>{label}</option>)}
        {name === 'live' && <option value="live">Live training</option>}
        {!(name in BUNDLED) && name !== 'live' && <option value={name}>{open.value?.name ?? name}</option>}
      </select>
    </label>
  );
}

function Loading() {
  const found = loading.value;
  return (
    <div class="loading" role="status">
      {found && (
        <>
          <span>Opening {found.name}…</span>
          <progress {...(found.part === undefined ? {} : { value: found.part })} aria-label={`Opening ${found.name}`} />
        </>
      )}
    </div>
  );
}

export function App() {
  useEffect(() => {
    if (ready.value) performance.mark('interactive');
  }, [ready.value]);
  const about = BUNDLED[state.model.value]?.about;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to the pictures</a>
      <header>
        <div class="title">
          <h1>See it learn to rotate</h1>
          <p>
            <b>SIREN-RoPE</b>: a transformer for feeds in which <b>what</b> an event was is in its token, and <b>when</b> it was is in the token’s rotation, learned from time. <a href={REPOSITORY}>The paper.</a>
          </p>
        </div>
        <div class="head-controls">
          <ModelMenu />
          <button type="button" class="quiet" onClick={() => reset('model')}>Start over</button>
        </div>
        {about && <p class="about">{about}</p>}
        <ChapterList />
        <Loading />
        <Problem />
      </header>
      <main id="main" tabIndex={-1}>
        <div class="stage">
          <ChapterCard view="dials" />
          <Dials />
        </div>
        <div class="stage">
          <ChapterCard view="angles" />
          <Angles />
        </div>
        <div class="stage">
          <ChapterCard view="attention" />
          <Attention />
        </div>
        <div class="stage">
          <ChapterCard view="training" />
          <Training />
        </div>
        <div class="stage">
          <ChapterCard view="feed" />
          <Feed />
        </div>
        <Own />
      </main>
      <footer>
        <p>
          Everything runs on this device: the model in SIMD WebAssembly, in a worker. Nothing is sent anywhere. What you set is in the address: copy it to show somebody what you see. Code: Apache-2.0. The KuaiRand weights: CC BY-SA 4.0
          (Gao et al., “KuaiRand”, CIKM 2022).
        </p>
      </footer>
      <Player />
    </>
  );
}
