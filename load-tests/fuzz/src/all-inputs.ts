import { keptInputs } from './findings.ts';
import { inputsOf } from './generators.ts';
import type { Input } from './input.ts';
import type { Mode } from './target.ts';

/** The inputs of a run, each made when it is needed: those of kept findings, then those of the seed, without end. */
export function* allInputs(mode: Mode, seed: string, generators: readonly string[]): Generator<Input> {
  yield* keptInputs(mode).filter(({ generator }) => generators.includes(generator));
  yield* inputsOf(seed, generators);
}
