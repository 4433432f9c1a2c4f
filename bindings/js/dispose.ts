/* dispose.ts: the key of the method that `using` calls, also where the engine has none yet (Node 18, Safari). */
export const DISPOSE: typeof Symbol.dispose =
  (Symbol as Partial<SymbolConstructor>).dispose ?? (Symbol.for('Symbol.dispose') as never);
