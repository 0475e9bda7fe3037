/*
 * node run.ts <script> <file for the samples>: runs a script of k6 on Node, as far as these scripts use k6. There is no k6
 * to be had in the tests, so the modules of k6 are replaced by those beside this file; everything else, and the cluster
 * that it talks to, is real. `__ENV` is the environment.
 *
 * In the order of k6: load, setup, each VU once, the summary. Prints what the script prints, writes the files that it wants
 * in the working folder, and exits with 99 when a threshold is crossed, as k6 does.
 */
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Options, PerVUIterationsScenario } from 'k6/options';
import { inVu } from './execution.ts';
import { summarize } from './summarize.ts';

interface Script {
  options: Options;
  setup(): Promise<unknown>;
  default(data: unknown): Promise<void>;
  handleSummary(data: unknown): Record<string, string>;
}

/** Of k6, by name. The scripts may import no other one. */
const MODULES: Record<string, string> = {
  'k6/execution': './execution.ts',
  'k6/http': './http.ts',
  'k6/metrics': './metrics.ts',
  'k6/websockets': './websockets.ts',
};

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith('k6')) return next(specifier, context);
    const file = MODULES[specifier];
    if (!file) throw new Error(`${specifier} is not among the modules that are played here`);
    return { url: new URL(file, import.meta.url).href, shortCircuit: true };
  },
});

const [file = '', samplesFile = ''] = process.argv.slice(2);
(globalThis as { __ENV?: unknown }).__ENV = process.env;
const script = (await import(pathToFileURL(resolve(file)).href)) as Script;
const scenarios = Object.values(script.options.scenarios ?? {}) as PerVUIterationsScenario[];
const vus = scenarios[0]?.vus ?? 1;

const data = JSON.stringify(await script.setup());
await Promise.all(Array.from({ length: vus }, (_, i) => inVu(i + 1, () => script.default(JSON.parse(data)))));

const { metrics, failed } = summarize(script.options);
const outputs = script.handleSummary({ metrics, state: { testRunDurationMs: performance.now() } });
for (const [name, text] of Object.entries(outputs)) {
  if (name === 'stdout') process.stdout.write(text);
  else writeFileSync(name, text);
}
if (samplesFile) writeFileSync(samplesFile, JSON.stringify(metrics));
process.exitCode = failed ? 99 : 0;
