/** The part of a Storage that this page uses. */
export type KeptTexts = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> & { keys(): string[] };

/**
 * `localStorage` or `sessionStorage`. A browser that is set to block the storage of sites throws even when a page reads
 * the property, and a full one when it writes: the texts then last as long as the page.
 */
export function browserStorage(kind: 'localStorage' | 'sessionStorage', scope: object = globalThis): KeptTexts {
  const memory = new Map<string, string>();
  const attempt = <T>(use: (storage: Storage) => T): T | undefined => {
    try {
      return use((scope as Record<typeof kind, Storage>)[kind]);
    } catch {
      return undefined;
    }
  };
  return {
    getItem: (key) => memory.get(key) ?? attempt((storage) => storage.getItem(key)) ?? null,
    setItem(key, text) {
      memory.delete(key);
      const isKept = attempt((storage) => {
        storage.setItem(key, text);
        return true;
      });
      if (!isKept) memory.set(key, text);
    },
    removeItem(key) {
      memory.delete(key);
      attempt((storage) => storage.removeItem(key));
    },
    keys: () => [...memory.keys(), ...(attempt((storage) => Object.keys(storage)) ?? [])],
  };
}

/** Texts of this browser, and of this tab. */
export const browserTexts = browserStorage('localStorage');
export const tabTexts = browserStorage('sessionStorage');
