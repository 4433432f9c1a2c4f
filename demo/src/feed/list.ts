/* list.ts: the ranked list as elements of the page, changed by hand, so that a frame of scrubbing costs little: texts that are
 * others are written, and a row that changes places is shifted by its transform, by whole rows, since all are of one height. The
 * elements themselves are put in order when the time rests: for who hears the page, and for the next shift to start from. */
import type { RankedRow } from '../engine/protocol.js';
import type { FeedItem } from './data.js';
import type { Places } from './reasons.js';

interface Row {
  element: HTMLLIElement;
  place: Text;
  swatch: HTMLElement;
  moved: HTMLElement;
  arrow: Text;
  arrowWords: Text;
  bar: HTMLElement;
  share: Text;
  score: Text;
  why: Text;
}

const GLIDE_MS = 220; // as feed.css says
const WRITTEN_EVERY_MS = 80;

export class RankedList {
  readonly #list: HTMLOListElement;
  readonly #rows: Row[];
  readonly #shownFirst: number;
  #elements: number[]; // candidates in the elements' order
  #order: number[];
  #shifted = -Infinity; // when rows last changed places
  #isFresh = true; // nothing was shown yet
  #toWrite: { items: readonly RankedRow[]; task: string } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Empties the list and fills it with rows for these candidates; those below `shownFirst` have the class `beyond`. */
  constructor(list: HTMLOListElement, candidates: readonly FeedItem[], shownFirst: number) {
    this.#list = list;
    this.#shownFirst = shownFirst;
    this.#rows = candidates.map(makeRow);
    this.#elements = this.#order = candidates.map((_, i) => i);
    list.replaceChildren(...this.#rows.map(({ element }) => element));
    list.classList.add('still');
  }

  /** Makes all rows as high as the highest needs: of a known size each is laid out alone when its numbers change. */
  measure(): void {
    this.#list.classList.add('loose');
    const height = Math.max(0, ...this.#rows.map(({ element }) => element.offsetHeight));
    this.#list.classList.remove('loose');
    if (height > 0) this.#list.style.setProperty('--row', `${height}px`);
  }

  /** @param before the places that movement is counted from */
  show(items: readonly RankedRow[], task: string, before: Places | undefined): void {
    items.forEach(({ index, probabilities }, i) => {
      const row = this.#rows[index];
      if (!row) return;
      const probability = probabilities[task] ?? 0;
      write(row.place, String(i + 1));
      row.bar.style.transform = `scaleX(${probability.toFixed(3)})`;
      showMovement(row, before ? before[index]! - (i + 1) : 0);
      row.element.classList.toggle('beyond', i >= this.#shownFirst);
    });
    this.#writeSoon(items, task);
    const order = items.map(({ index }) => index);
    const isFresh = this.#isFresh;
    this.#isFresh = false;
    if (order.every((index, i) => this.#order[i] === index)) return;
    this.#order = order;
    if (isFresh) this.rest();
    else this.#shift();
  }

  /** Digits that change sixty times a second are not read, and each costs a layout; the bars and places follow every frame. */
  #writeSoon(items: readonly RankedRow[], task: string): void {
    this.#toWrite = { items, task };
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const { index, score, probabilities } of this.#toWrite!.items) {
        const row = this.#rows[index];
        if (!row) continue;
        write(row.share, `${((probabilities[this.#toWrite!.task] ?? 0) * 100).toFixed(1)} %`);
        write(row.score, score.toFixed(3));
      }
    }, this.#rows[0]?.score.data === '' ? 0 : WRITTEN_EVERY_MS);
  }

  /** Puts the elements in the order that is seen; nothing moves on the screen. */
  rest(): void {
    this.#list.classList.add('still');
    this.#elements = this.#order;
    this.#elements.forEach((index, i) => {
      const { element } = this.#rows[index]!;
      if (this.#list.children[i] !== element) this.#list.insertBefore(element, this.#list.children[i] ?? null);
      element.style.transform = '';
    });
  }

  /** @param words by candidate */
  explain(words: readonly string[]): void {
    this.#rows.forEach(({ why }, i) => write(why, words[i] ?? ''));
    this.measure();
  }

  /** @param colours by candidate: those whose line is drawn */
  mark(colours: readonly (string | undefined)[]): void {
    this.#rows.forEach(({ swatch }, i) => (swatch.style.background = colours[i] ?? 'none'));
  }

  /** Rows glide, but where one change follows the other they are at their places at once: gliding would blur them, and cost. */
  #shift(): void {
    const now = performance.now();
    this.#list.classList.toggle('still', now - this.#shifted < GLIDE_MS);
    this.#shifted = now;
    const from = new Map(this.#elements.map((index, i) => [index, i]));
    this.#order.forEach((index, i) => {
      const by = i - from.get(index)!;
      this.#rows[index]!.element.style.transform = by === 0 ? '' : `translateY(${by * 100}%)`;
    });
  }
}

/** Reading a text is free, writing one costs a layout. */
function write(node: Text, text: string): void {
  if (node.data !== text) node.data = text;
}

function showMovement({ moved, arrow, arrowWords }: Row, by: number): void {
  const kind = by > 0 ? 'up' : by < 0 ? 'down' : 'same';
  if (moved.dataset.by !== kind) moved.dataset.by = kind;
  write(arrow, by > 0 ? `▲ ${by}` : by < 0 ? `▼ ${-by}` : '–');
  write(arrowWords, by === 0 ? 'not moved' : `${kind} ${Math.abs(by)}`);
}

function make<K extends keyof HTMLElementTagNameMap>(tag: K, name: string, ...children: Node[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = name;
  element.append(...children);
  return element;
}

const text = (words = ''): Text => document.createTextNode(words);
const hidden = (element: HTMLElement): HTMLElement => {
  element.setAttribute('aria-hidden', 'true');
  return element;
};

function makeRow({ title, topic }: FeedItem): Row {
  const [place, arrow, arrowWords, share, score, why] = [text(), text(), text(), text(), text(), text()];
  const swatch = hidden(make('span', 'swatch'));
  const bar = make('span', 'fill');
  const moved = make('span', 'moved', hidden(make('span', '', arrow)), make('span', 'visually-hidden', arrowWords));
  const what = make('span', 'what', make('b', '', text(title)));
  if (topic) what.append(text(' '), make('span', 'soft', text(topic)));
  const element = make(
    'li', 'row',
    make('span', 'place', place),
    swatch,
    what,
    moved,
    make('span', 'share', hidden(make('span', 'bar', bar)), make('span', 'number', share)),
    make('span', 'score', score),
    make('p', 'why', why),
  );
  return { element, place, swatch, moved, arrow, arrowWords, bar, share, score, why };
}
