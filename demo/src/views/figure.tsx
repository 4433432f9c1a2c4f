/* figure.tsx: what every picture has around it: a title and a plain sentence, the formula one click away, a table behind it, and
 * its files. Two layers: the picture, and what moves with the time over it, so that a frame of scrubbing draws little. */
import { effect, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { csvOf, download, pngOf, svgOf, type Shown } from '../draw/export.js';
import type { Cursor, Picture, Table } from '../draw/picture.js';
import { theme } from '../draw/theme.js';
import { near } from '../state/near.js';

export interface FigureProps<S, O> {
  id: string;
  title: string;
  children?: ComponentChildren;
  /** What is to see, for who does not see it. Read when the reader asks, not in every frame. */
  label: (scene: S) => string;
  formula?: ComponentChildren;
  picture: Picture<S, O>;
  /** Reads signals; undefined: nothing to draw yet. */
  scene: () => S | undefined;
  over?: () => O | undefined;
  table: (scene: S, over: O | undefined) => Table;
  /** Elements over the picture, in its coordinates. */
  layer?: (scene: S, width: number) => ComponentChildren;
  onPointer?: (event: PointerEvent, scene: S, box: DOMRect) => void;
  empty?: string;
}

const MOST_TABLE_ROWS = 48;

/** Jobs of the next frame, one a layer. */
const jobs = new Map<HTMLElement, () => void>();
let asked = 0;
function nextFrame(element: HTMLElement, job: () => void): void {
  jobs.set(element, job);
  asked ||= requestAnimationFrame(() => {
    asked = 0;
    const now = [...jobs.values()];
    jobs.clear();
    for (const run of now) run();
  });
}

function placeCursor(element: HTMLElement, cursor: Cursor | undefined): void {
  element.hidden = cursor === undefined;
  if (!cursor) return;
  element.style.transform = `translate(${cursor.x}px, ${cursor.top}px)`;
  const height = `${cursor.bottom - cursor.top}px`;
  if (element.style.height !== height) element.style.height = height;
}

function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d')!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Follows an element's width, and whether it is near the screen. */
function watchSize(element: Element, width: { value: number }, near: { value: boolean }): () => void {
  const sizes = new ResizeObserver(([entry]) => {
    width.value = Math.floor(entry!.contentRect.width);
  });
  const sights = new IntersectionObserver(
    (entries) => {
      near.value = entries.at(-1)!.isIntersecting;
    },
    { rootMargin: '100px' },
  );
  sizes.observe(element);
  sights.observe(element);
  return () => {
    sizes.disconnect();
    sights.disconnect();
    near.value = false;
  };
}

/** For tests and the curious: what a figure shows, as numbers. */
export interface FigureElement extends HTMLElement {
  csv: () => string;
}

export function Figure<S, O = undefined>(props: FigureProps<S, O>) {
  const { id, title, children, formula, picture, empty } = props;
  const element = useRef<HTMLElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const width = useSignal(0);
  const isNear = near(id);
  const cursor = useRef<HTMLDivElement>(null);
  const shown = useSignal<S | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;

  useLayoutEffect(() => {
    frame.current!.style.height = `${picture.reserve}px`;
  }, []);
  useEffect(() => watchSize(frame.current!, width, isNear), []);

  useEffect(() => {
    const stopBase = effect(() => {
      const w = width.value;
      if (w === 0 || !isNear.value) return;
      const scene = latest.current.scene();
      const colours = theme.value;
      if (scene === undefined) return;
      const [canvas, around] = [base.current!, frame.current!];
      nextFrame(canvas, () => {
        const height = Math.ceil(picture.height(w, scene));
        picture.draw(prepared(canvas, w, height), scene, { width: w, height }, colours);
        if (around.style.height !== `${height}px`) around.style.height = `${height}px`;
        shown.value = scene;
      });
    });
    const stopOver = effect(() => {
      const w = width.value;
      const scene = shown.value;
      if (w === 0 || !isNear.value || scene === undefined) return;
      const what = latest.current.over?.();
      const colours = theme.value;
      if (what === undefined) return;
      const size = { width: w, height: Math.ceil(picture.height(w, scene)) };
      const [canvas, line] = [over.current, cursor.current];
      nextFrame((canvas ?? line)!, () => {
        if (canvas) picture.drawOver!(prepared(canvas, size.width, size.height), what, size, colours, scene);
        else placeCursor(line!, picture.cursor?.(what, size, scene));
      });
    });
    return () => {
      stopBase();
      stopOver();
    };
  }, []);

  const table = (): Table | undefined => {
    const scene = latest.current.scene();
    return scene === undefined ? undefined : latest.current.table(scene, latest.current.over?.());
  };
  const exported = (): Shown<S, O> | undefined => {
    const scene = latest.current.scene();
    if (scene === undefined) return undefined;
    const size = { width: width.peek() || 800, height: 0 };
    size.height = Math.ceil(picture.height(size.width, scene));
    return { picture, scene, over: latest.current.over?.(), size, theme: theme.peek() };
  };
  const withShown = <R,>(make: (shown: Shown<S, O>) => R): R | undefined => {
    const found = exported();
    return found && make(found);
  };
  useEffect(() => {
    (element.current as FigureElement).csv = () => csvOf(table() ?? { head: [], rows: [] });
  }, []);

  return (
    <figure class="figure" id={id} ref={element} aria-labelledby={`${id}-title`}>
      <figcaption>
        <h3 id={`${id}-title`}>{title}</h3>
        {children}
      </figcaption>
      <div
        class="frame"
        ref={frame}
        onPointerDown={(event) => {
          const scene = shown.peek();
          if (scene !== undefined) latest.current.onPointer?.(event, scene, frame.current!.getBoundingClientRect());
        }}
      >
        <canvas ref={base} class="base" aria-hidden="true" />
        {picture.drawOver ? <canvas ref={over} class="over" aria-hidden="true" /> : <div ref={cursor} class="cursor" hidden aria-hidden="true" />}
        <p class="visually-hidden" role="img" aria-label={shown.value === undefined ? (empty ?? 'nothing to show yet') : props.label(shown.value)} />
        {shown.value !== undefined && width.value > 0 && props.layer?.(shown.value, width.value)}
        {shown.value === undefined && <p class="empty">{empty ?? 'Computing…'}</p>}
      </div>
      <Behind id={id} title={title} formula={formula} table={table} svg={() => withShown(svgOf)} png={() => withShown(pngOf)} />
    </figure>
  );
}

interface BehindProps {
  id: string;
  title: string;
  formula: ComponentChildren;
  table: () => Table | undefined;
  svg: () => Promise<string> | undefined;
  png: () => Promise<Blob> | undefined;
}

/** Formula, table and files. */
function Behind({ id, title, formula, table, svg, png }: BehindProps) {
  const panel = useSignal<'formula' | 'table' | undefined>(undefined);
  const failure = useSignal('');
  const toggle = (name: 'formula' | 'table') => () => {
    panel.value = panel.value === name ? undefined : name;
  };
  const save = (make: () => Promise<Blob | string> | undefined, ending: string, type: string) => async () => {
    try {
      const made = await make();
      if (made !== undefined) download(made, `siren-rope-${id}.${ending}`, type);
      failure.value = '';
    } catch (error) {
      failure.value = `The ${ending.toUpperCase()} could not be made: ${(error as Error).message}`;
    }
  };
  const saveCsv = (): void => {
    const found = table();
    if (found) download(csvOf(found), `siren-rope-${id}.csv`, 'text/csv');
  };
  return (
    <div class="behind">
      <div class="tools" role="group" aria-label={`${title}: more`}>
        {formula !== undefined && (
          <button type="button" aria-expanded={panel.value === 'formula'} aria-controls={`${id}-panel`} onClick={toggle('formula')}>
            Formula
          </button>
        )}
        <button type="button" aria-expanded={panel.value === 'table'} aria-controls={`${id}-panel`} onClick={toggle('table')}>
          Table
        </button>
        <span class="files">
          <span class="soft" aria-hidden="true">save</span>
          <button type="button" aria-label={`${title}: save as SVG`} onClick={save(svg, 'svg', 'image/svg+xml')}>SVG</button>
          <button type="button" aria-label={`${title}: save as PNG`} onClick={save(png, 'png', 'image/png')}>PNG</button>
          <button type="button" aria-label={`${title}: save as CSV`} onClick={saveCsv}>CSV</button>
        </span>
      </div>
      <div id={`${id}-panel`} hidden={panel.value === undefined}>
        {panel.value === 'formula' && <div class="formula" role="region" aria-label={`${title}: formula`} tabIndex={0}>{formula}</div>}
        {panel.value === 'table' && <TableView title={title} table={table} />}
      </div>
      {failure.value && <p role="alert">{failure.value}</p>}
    </div>
  );
}

function TableView({ title, table }: { title: string; table: () => Table | undefined }) {
  const made = useSignal(table());
  const found = made.value;
  const again = (): void => {
    made.value = table();
  };
  if (!found) return <p>Nothing to show yet.</p>;
  const step = Math.max(1, Math.ceil(found.rows.length / MOST_TABLE_ROWS));
  const rows = found.rows.filter((_, i) => i % step === 0);
  const words = (v: string | number): string => (Number.isNaN(v) ? '–' : typeof v === 'number' ? (Number.isInteger(v) ? String(v) : v.toPrecision(5)) : v);
  return (
    <>
      <div class="table" role="region" aria-label={`${title}: table`} tabIndex={0}>
        <table>
          <caption>
            {step > 1 ? `Every ${step}th of ${found.rows.length} rows; the CSV has them all. ` : ''}
            As of now.
          </caption>
          <thead>
            <tr>{found.head.map((name) => <th scope="col" key={name}>{name}</th>)}</tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>{row.map((v, k) => (k === 0 ? <th scope="row" key={k}>{words(v)}</th> : <td key={k}>{words(v)}</td>))}</tr>
            ))}
          </tbody>
        </table>
      </div>
      <button type="button" onClick={again}>Read again</button>
    </>
  );
}

