import { AsyncLocalStorage } from 'node:async_hooks';

const vus = new AsyncLocalStorage<number>();

/** Runs something as one VU; `id` counts from 1, as k6 has it. */
export function inVu<T>(id: number, run: () => Promise<T>): Promise<T> {
  return vus.run(id, run);
}

/** `k6/execution` */
export default {
  vu: {
    get idInTest(): number {
      const id = vus.getStore();
      if (id === undefined) throw new Error('getting VU information outside of the VU context is not supported');
      return id;
    },
  },
};
