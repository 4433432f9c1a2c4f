// in-page.mjs: functions that travel into a page as text. They see the page's globals and their arguments, nothing of
// this module.

/** Keeps what goes wrong in the page, from its first line on, where the driver does not tell. */
export function collectErrors() {
  const errors = (window.collectedErrors = []);
  const text = (value) => (value instanceof Error ? `${value}\n${value.stack}` : String(value));
  const logged = console.error;
  console.error = (...values) => {
    errors.push({ kind: 'console', text: values.map(text).join(' ') });
    logged.apply(console, values);
  };
  addEventListener(
    'error',
    (event) => {
      if (event.target === window) errors.push({ kind: 'page', text: event.error ? text(event.error) : event.message });
      else errors.push({ kind: 'console', text: `not loaded: ${event.target.src ?? event.target.href}` });
    },
    true,
  );
  addEventListener('unhandledrejection', ({ reason }) => errors.push({ kind: 'page', text: text(reason) }));
  addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    errors.push({ kind: 'console', text: `Content-Security-Policy: ${violatedDirective} refused ${blockedURI}` }),
  );
}

/**
 * Where an element's point is, [0.5, 0.5] being its middle, in the viewport's CSS pixels; null when there is no such
 * element. `covered`: by what else, if so.
 */
export function locate(selector, [fx, fy], scroll) {
  const element = document.querySelector(selector);
  if (!element) return null;
  const point = () => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { x: left + fx * width, y: top + fy * height, width, height };
  };
  const inView = ({ x, y }) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  if (scroll && !inView(point())) element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const found = point();
  const top = document.elementFromPoint(found.x, found.y);
  const hit = top && (element.contains(top) || top.contains(element) || top.closest('label')?.control === element);
  return { ...found, inView: inView(found), covered: top && !hit ? top.outerHTML.slice(0, 200) : null };
}

/** Drops a file on an element, as a file manager would: the events of a drag, with a DataTransfer that holds it. */
export function drop(selector, name, type, base64) {
  const target = document.querySelector(selector);
  if (!target) throw new Error(`no ${selector}`);
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  const { left, top, width, height } = target.getBoundingClientRect();
  const at = { clientX: left + width / 2, clientY: top + height / 2, bubbles: true, composed: true, cancelable: true };
  const send = (event) => target.dispatchEvent(new DragEvent(event, { ...at, dataTransfer }));
  send('dragenter');
  if (send('dragover')) throw new Error(`${selector} lets nothing be dropped: nobody prevented dragover's default`);
  send('drop');
}

/** Gives a file to an <input type=file>, as its dialogue would. */
export function choose(selector, name, type, base64) {
  const input = document.querySelector(selector);
  if (!input) throw new Error(`no ${selector}`);
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  input.files = dataTransfer.files;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  input.dispatchEvent(new Event('change', { bubbles: true }));
}
