/* main.tsx: begins the page. */
import { render } from 'preact';
import { followLive } from './live/training.js';
import { followModel } from './state/model.js';
import { followAddress } from './state/store.js';
import './style.css';
import { App } from './views/app.js';

followAddress();
followModel();
followLive();
render(<App />, document.getElementById('page')!);
