import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { inputsOf } from './generators.ts';
import { fromSaved, type Input, type SavedInput, toSaved } from './input.ts';
import type { Mode } from './target.ts';

/** An invariant that did not hold, with the inputs that preceded it; the last one is the most recent. */
export interface Finding {
  mode: Mode;
  seed: string;
  problem: string;
  inputs: Input[];
}

const SEEDS = join(import.meta.dirname, '../seeds');

/** Writes a finding into `folder`. Returns the file. */
export function saveFinding(folder: string, finding: Finding): string {
  mkdirSync(folder, { recursive: true });
  const last = finding.inputs.at(-1);
  const name = `${finding.mode}-${last?.id.replaceAll(/[^\w-]/g, '-') ?? 'none'}-${last?.generator ?? 'none'}.json`;
  const file = join(folder, name);
  writeFileSync(file, `${JSON.stringify({ ...finding, inputs: finding.inputs.map(toSaved) }, undefined, 1)}\n`);
  return file;
}

export function loadFinding(file: string): Finding {
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Omit<Finding, 'inputs'> & { inputs: SavedInput[] };
    return { ...saved, inputs: saved.inputs.map(fromSaved) };
  } catch (error) {
    throw new UserError(`${file} is not a saved finding (${(error as Error).message}).`);
  }
}

/** The inputs of a run, each made when it is needed: those of kept findings, then those of the seed, without end. */
export function* allInputs(seed: string, generators: readonly string[]): Generator<Input> {
  yield* keptInputs().filter(({ generator }) => generators.includes(generator));
  yield* inputsOf(seed, generators);
}

/** The inputs of all kept findings. They are sent in both modes. */
export function keptInputs(): Input[] {
  const files = globSync('*.json', { cwd: SEEDS }).sort();
  return files.flatMap((file) => loadFinding(join(SEEDS, file)).inputs);
}
