/*
 * `npm run build:client`: builds what is published to npm into packages/client/dist: ESM and one .d.ts
 * for each published entry of packages/client/package.json, with a package.json of its own.
 * Publish it with `npm publish packages/client/dist`.
 */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

const folder = resolve(import.meta.dirname, '..');
const repository = resolve(folder, '../..');
/** The protocol part of one device, for load generators of this repository: its types change with any version. */
const UNPUBLISHED = './core';
const CONTRACTS = '@chat-cluster/contracts';
/** Node versions that run the package: the oldest that is maintained, and newer ones. Browsers: those since 2023. */
const NODE = '>=22';
const TARGET = 'es2022';

/** Builds the package and returns its folder. Takes about a second. */
export async function buildPackage(output: string = join(folder, 'dist')): Promise<string> {
  const manifest = readManifest();
  rmSync(output, { recursive: true, force: true });
  const external = Object.keys({ ...dependenciesOf(manifest), ...manifest.peerDependencies });
  const bundle = await rolldown({
    cwd: folder,
    input: Object.fromEntries(entriesOf(manifest).map(({ name, source }) => [name, join(folder, source)])),
    external: (id) => external.some((name) => id === name || id.startsWith(`${name}/`)),
    platform: 'neutral',
    transform: { target: TARGET },
    tsconfig: false,
    plugins: [inlineContractTypes(), dts({ cwd: folder, generator: 'oxc', tsconfig: false })],
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`The build has a warning. Correct its cause: ${log.message}`);
    },
  });
  await bundle.write({
    dir: output,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name].js',
  });
  await bundle.close();
  writeFileSync(join(output, 'package.json'), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`);
  for (const file of ['README.md', 'API.md']) writeFileSync(join(output, file), publishedProse(join(folder, file)));
  copyFileSync(join(repository, 'LICENSE'), join(output, 'LICENSE'));
  return output;
}

/** What the build reads of packages/client/package.json. */
interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  exports: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
}

function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** `./react` has the name `react`, and `.` the name `index`. */
function entriesOf(manifest: Manifest): { path: string; name: string; source: string }[] {
  return Object.entries(manifest.exports)
    .filter(([path]) => path !== UNPUBLISHED)
    .map(([path, source]) => ({ path, name: path === '.' ? 'index' : path.slice('./'.length), source }));
}

/** The contract is no dependency of the published package: only its types are used, and they are inlined. */
function dependenciesOf(manifest: Manifest): Record<string, string> {
  return Object.fromEntries(Object.entries(manifest.dependencies).filter(([name]) => name !== CONTRACTS));
}

/**
 * Replaces the types of the contract by those in contract-types.ts, which import nothing. That file exports no values,
 * so that a value imported from the contract fails the build.
 */
function inlineContractTypes(): Plugin {
  const id = join(folder, 'build/contract-types.ts');
  return {
    name: 'inline-contract-types',
    resolveId: {
      order: 'pre',
      // Resolved by the other plugins: in a declaration file, the path leads to the declarations.
      handler(source, importer) {
        return source === CONTRACTS ? this.resolve(id, importer, { skipSelf: true }) : null;
      },
    },
  };
}

/** What others read of the published package.json. */
export interface PublishedManifest {
  name: string;
  version: string;
  exports: Record<string, string | { types: string; default: string }>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** The package.json of a built package. */
export function manifestOf(dist: string): PublishedManifest {
  return JSON.parse(readFileSync(join(dist, 'package.json'), 'utf8')) as PublishedManifest;
}

/** Dependencies have ranges here: an application shares them with its other packages. */
function publishedManifest(manifest: Manifest): PublishedManifest & Record<string, unknown> {
  const { name, version, description, license, peerDependencies, peerDependenciesMeta } = manifest;
  const caret = Object.entries(dependenciesOf(manifest)).map(([module, exact]) => [module, `^${exact}`]);
  const entries = entriesOf(manifest).map(({ path, name }) => [
    path,
    { types: `./${name}.d.ts`, default: `./${name}.js` },
  ]);
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: NODE },
    exports: { ...Object.fromEntries(entries), './package.json': './package.json' },
    types: './index.d.ts',
    dependencies: Object.fromEntries(caret),
    peerDependencies,
    peerDependenciesMeta,
  };
}

/** Links to files that are not published become plain text. */
function publishedProse(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/\[([^\]]+)\]\((?!https:|#|API\.md|README\.md)[^)]*\)/g, '$1');
}

if (import.meta.main) process.stdout.write(`Built ${await buildPackage()}\n`);
