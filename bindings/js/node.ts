/* node.ts: Node's own modules, which Deno and Bun have too. */

export function hasNodeModules(): boolean {
  const host = globalThis as { process?: { versions?: { node?: string } }; Deno?: unknown };
  return host.process?.versions?.node !== undefined || host.Deno !== undefined;
}

/** Imports `node:NAME` when it is asked for, in a way that bundlers for browsers leave alone. */
export async function importNode<T>(name: string): Promise<T> {
  const specifier = ['node', name].join(':');
  return (await import(/* webpackIgnore: true */ /* @vite-ignore */ specifier)) as T;
}
