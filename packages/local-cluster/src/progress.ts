/** A finished step of a start: its name and its duration in milliseconds. */
export interface Step {
  name: string;
  ms: number;
}

/** Runs a step and reports it when it is done. */
export type Report = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** A `Report` that calls `onStep`. */
export function reportTo(onStep: (step: Step) => void): Report {
  return async (name, run) => {
    const start = performance.now();
    const result = await run();
    onStep({ name, ms: performance.now() - start });
    return result;
  };
}
