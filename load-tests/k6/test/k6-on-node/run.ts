/*
 * node run.ts <script> <file for the samples>: runs a k6 script on Node. The tests have no k6 binary, so the files
 * beside this one replace the modules of k6, as far as these scripts use them. Everything else is real, also the
 * cluster. `__ENV` is the environment.
 *
 * The order is that of k6: load, setup, each VU once, summary. Prints what the script prints, writes its files into the
 * working folder, and exits with 99 when a threshold is missed, as k6 does.
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

/** Replacements of k6's modules, by name. The scripts may not import others. */
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
    if (!file) throw new Error(`${specifier} has no replacement here`);
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
