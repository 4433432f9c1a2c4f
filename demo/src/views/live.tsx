/* live.tsx: a small model that trains in this browser. */
export function Live() {
  return null;
}
