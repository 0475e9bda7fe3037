import { keptInputs } from './findings.ts';
import { inputsOf } from './generators.ts';
import type { Input } from './input.ts';

/** The inputs of a run, each made when it is needed: those of kept findings, then those of the seed, without end. */
export function* allInputs(seed: string, generators: readonly string[]): Generator<Input> {
  yield* keptInputs().filter(({ generator }) => generators.includes(generator));
  yield* inputsOf(seed, generators);
}
