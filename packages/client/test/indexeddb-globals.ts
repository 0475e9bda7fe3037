import * as fake from 'fake-indexeddb';

/** Not enumerable: mocha takes other new globals for leaks. */
export function setGlobals(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    if (/^(IDB|indexedDB)/.test(name)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
}

export function removeGlobals(): void {
  for (const name of Object.keys(fake)) if (/^IDB/.test(name)) Reflect.deleteProperty(globalThis, name);
  Reflect.deleteProperty(globalThis, 'indexedDB');
}
