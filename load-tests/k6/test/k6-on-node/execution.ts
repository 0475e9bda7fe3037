import { AsyncLocalStorage } from 'node:async_hooks';

const vus = new AsyncLocalStorage<number>();

/** Runs a function as one VU; `id` counts from 1, as in k6. */
export function inVu<T>(id: number, run: () => Promise<T>): Promise<T> {
  return vus.run(id, run);
}

/** Replaces `k6/execution`. */
export default {
  vu: {
    get idInTest(): number {
      const id = vus.getStore();
      if (id === undefined) throw new Error('getting VU information outside of the VU context is not supported');
      return id;
    },
  },
};
