export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
}

/** A promise with its ends, as `Promise.withResolvers`, which browsers before 2024 lack. Its rejection may be ignored. */
export function defer<T>(): Deferred<T> {
  let ends: Omit<Deferred<T>, 'promise'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    ends = { resolve, reject };
  });
  promise.catch(() => {});
  return { promise, ...(ends as Omit<Deferred<T>, 'promise'>) };
}
