/*
 * `node packages/client/build/bundled-size.ts`: builds the package, and prints what each entry adds to an
 * application, in bytes.
 */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { buildPackage, manifestOf } from './build.ts';

/**
 * Bytes of an entry in a minified and gzipped bundle without the dependencies of the package. Not size-limit: it measures
 * with esbuild, whose install script this repository does not allow. Rolldown and zlib do the same. Minifiers also
 * remove the annotations that rolldown keeps by default.
 */
export async function bundledSize(dist: string, entry: string): Promise<number> {
  return gzipSync(await bundled(dist, entry), { level: 9 }).length;
}

async function bundled(dist: string, entry: string): Promise<string> {
  const { exports, dependencies, peerDependencies } = manifestOf(dist);
  const target = exports[entry];
  if (typeof target !== 'object') throw new Error(`The package has no entry ${entry}.`);
  const external = Object.keys({ ...dependencies, ...peerDependencies });
  const bundle = await rolldown({ input: join(dist, target.default), external, platform: 'browser' });
  const { output } = await bundle.generate({ minify: true, codeSplitting: false, comments: false });
  await bundle.close();
  return output.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
}

if (import.meta.main) {
  const dist = await buildPackage();
  for (const [entry, target] of Object.entries(manifestOf(dist).exports)) {
    if (typeof target !== 'object') continue;
    const code = await bundled(dist, entry);
    const gzipped = gzipSync(code, { level: 9 }).length;
    process.stdout.write(
      `${entry.padEnd(14)} ${String(code.length).padStart(7)} minified ${String(gzipped).padStart(7)} gzipped\n`,
    );
  }
}
