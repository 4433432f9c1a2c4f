// The page as static files in build/demo, which any host serves from any folder. The package is taken from where its own
// `exports` say (dist/), as `npm install siren-rope` would have it.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const inCheckout = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  base: './',
  resolve: {
    alias: [
      { find: /^siren-rope$/, replacement: inCheckout('dist/index.js') },
      { find: /^siren-rope\/train$/, replacement: inCheckout('dist/train.js') },
    ],
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: {
    outDir: inCheckout('build/demo'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // a strict policy forbids data: URLs
    modulePreload: { polyfill: false },
  },
  server: { fs: { allow: [inCheckout('.')] }, host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
});
