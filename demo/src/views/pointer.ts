/* pointer.ts: what a pressed pointer drags: a finger, a pen or a mouse, until it is let go. */
import { MINUTE } from '../maths/time.js';
import { hold } from '../state/model.js';
import { set } from '../state/store.js';

/** Calls `follow` for every move of the pointer that `event` pressed, wherever it goes, and `end` when it is let go or taken away. */
export function followPointer(event: PointerEvent, handle: HTMLElement, follow: (event: PointerEvent) => void, end?: () => void): void {
  const stop = (): void => {
    handle.removeEventListener('pointermove', follow);
    handle.removeEventListener('pointerup', stop);
    handle.removeEventListener('pointercancel', stop);
    end?.();
  };
  handle.setPointerCapture(event.pointerId);
  handle.addEventListener('pointermove', follow);
  handle.addEventListener('pointerup', stop);
  handle.addEventListener('pointercancel', stop);
}

/** A press in a picture of time sets the time, and a drag goes on setting it. box: where the window is in the frame. */
export function scrubIn(event: PointerEvent, frame: DOMRect, box: { left: number; right: number }, window: { from: number; to: number }): void {
  const follow = ({ clientX }: PointerEvent): void => {
    const part = (clientX - frame.left - box.left) / (box.right - box.left);
    const time = Math.round((window.from + part * (window.to - window.from)) / MINUTE) * MINUTE;
    set({ time: Math.min(window.to - MINUTE, Math.max(window.from, time)) }); // its end begins the next window
  };
  followPointer(event, event.currentTarget as HTMLElement, follow, hold());
  follow(event);
}
