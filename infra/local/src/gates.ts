import { join } from 'node:path';
import { root, runProgram } from './run-program.ts';

/**
 * Runs type check, lint and prose check in parallel, each to its end; resolves with the number that passed and failed.
 */
export async function runGates(): Promise<{ passed: number; failed: number }> {
  const bin = (name: string) => join(root, 'node_modules', '.bin', name);
  const codes = await Promise.all([
    runProgram(bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']),
    runProgram(bin('tsc'), ['--noEmit', '-p', 'load-tests/k6/tsconfig.json']),
    runProgram(bin('tsc'), ['--noEmit', '-p', 'services/web/tsconfig.json']),
    runProgram(bin('biome'), ['check', '.']),
    runProgram(process.execPath, ['infra/prose/src/check-prose.ts']),
  ]);
  const passed = codes.filter((code) => code === 0).length;
  return { passed, failed: codes.length - passed };
}
