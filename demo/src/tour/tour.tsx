/* tour.tsx: the tour's card, which stands over the section that its chapter is about, and its list in the head of the page. */
import { set, state } from '../state/store.js';
import { CHAPTERS } from './chapters.js';

const calm = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

export function goTo(chapter: number): void {
  set({ chapter, ...CHAPTERS[chapter - 1]?.sets });
  requestAnimationFrame(() => {
    const card = document.getElementById('chapter');
    card?.scrollIntoView({ behavior: calm() ? 'auto' : 'smooth', block: 'start' });
    card?.querySelector('h2')?.focus({ preventScroll: true });
  });
}

function end(): void {
  set({ chapter: 0 });
  document.getElementById('main')?.focus({ preventScroll: true }); // the button that had the focus is gone
}

export function ChapterList() {
  const current = state.chapter.value;
  return (
    <nav class="chapters" aria-label="Tour">
      <ol>
        {CHAPTERS.map(({ title }, i) => (
          <li key={title}>
            <button type="button" aria-current={current === i + 1 ? 'step' : undefined} title={title} onClick={() => goTo(i + 1)}>
              <span class="number">{i + 1}</span> <span class="title">{title}</span>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

export function ChapterCard({ view }: { view: string }) {
  const number = state.chapter.value;
  const chapter = CHAPTERS[number - 1];
  if (chapter?.view !== view) return null;
  return (
    <article class="chapter" id="chapter" aria-labelledby="chapter-title">
      <p class="place">Chapter {number} of {CHAPTERS.length}</p>
      <h2 id="chapter-title" tabIndex={-1}>{chapter.title}</h2>
      {chapter.text}
      <p class="invitation"><b>Try it.</b> {chapter.invitation}</p>
      <p class="turns">
        <button type="button" disabled={number === 1} onClick={() => goTo(number - 1)}>← Back</button>
        {number < CHAPTERS.length ? (
          <button type="button" class="primary" onClick={() => goTo(number + 1)}>Next: {CHAPTERS[number]!.title} →</button>
        ) : (
          <button type="button" class="primary" onClick={end}>End the tour</button>
        )}
      </p>
    </article>
  );
}
