/** One step of a start that is done: its name and how many milliseconds it took. */
export interface Step {
  name: string;
  ms: number;
}

/** Runs a step and tells of it when it is done. */
export type Report = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** A `Report` that tells `onStep`. */
export function reportTo(onStep: (step: Step) => void): Report {
  return async (name, run) => {
    const start = performance.now();
    const result = await run();
    onStep({ name, ms: performance.now() - start });
    return result;
  };
}
