import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';

/**
 * contracts ← domain ← postgres | redis | queue ← gateway | worker, and contracts ← prober. What each package may import of the others in its
 * src; tests may use the testkit and what they test against.
 */
const ARROW: Record<string, string[]> = {
  'packages/contracts': [],
  'packages/domain': ['contracts'],
  'packages/runtime': [],
  'packages/postgres': ['contracts', 'domain', 'runtime'],
  'packages/redis': ['contracts', 'domain', 'runtime'],
  'packages/queue': ['contracts', 'domain', 'runtime', 'redis'],
  'services/gateway': ['contracts', 'domain', 'runtime', 'postgres', 'redis', 'queue'],
  'services/prober': ['contracts', 'runtime'],
  'services/worker': ['contracts', 'domain', 'runtime', 'postgres', 'redis', 'queue'],
  'infra/local': ['contracts'],
  'packages/testkit': ['contracts', 'domain', 'runtime', 'postgres', 'redis', 'queue', 'local'],
  'infra/doctor': ['runtime', 'postgres', 'redis', 'queue', 'local'],
  'load-tests/bench': ['contracts', 'runtime', 'redis', 'local', 'testkit'],
  'load-tests/load': ['contracts', 'local', 'testkit', 'bench'],
  'load-tests/verify': ['contracts', 'local', 'postgres', 'queue', 'runtime', 'testkit'],
};

const SCOPE = '@chat-cluster/';

describe('the import arrow', () => {
  const has = (folder: string, file: string) => existsSync(join(repository, folder, file));
  // One with a lockfile of its own is outside the workspace.
  const folders = globSync(['packages/*', 'services/*', 'infra/*', 'load-tests/*'], { cwd: repository }).filter(
    (folder) => has(folder, 'package.json') && !has(folder, 'pnpm-lock.yaml'),
  );

  it('knows every package of the workspace', () => {
    expect(folders.sort()).to.deep.equal(Object.keys(ARROW).sort());
  });

  for (const [folder, allowed] of Object.entries(ARROW)) {
    it(`holds in ${folder}`, () => {
      const manifest = JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8'));
      const declared = Object.keys(manifest.dependencies ?? {});
      const ours = declared.filter((name) => name.startsWith(SCOPE)).map((name) => name.slice(SCOPE.length));
      expect(allowed, `dependencies of ${folder}/package.json`).to.include.members(ours);

      for (const { file, specifier } of importsOf(join(repository, folder))) {
        const where = `${relative(repository, file)} imports ${specifier}`;
        if (specifier.startsWith('.')) {
          expect(resolve(dirname(file), specifier), where).to.satisfy((path: string) =>
            path.startsWith(join(repository, folder) + sep),
          );
        } else if (!specifier.startsWith('node:')) {
          expect(declared, where).to.include(packageOf(specifier));
        }
      }
    });
  }
});

describe('the packages', () => {
  it('stand in one order in which each uses only those before it', () => {
    const before = new Set<string>();
    const left = new Map(Object.entries(ARROW).map(([folder, uses]) => [folder.replace(/^.*\//, ''), uses]));
    for (;;) {
      const next = [...left].filter(([, uses]) => uses.every((name) => before.has(name)));
      if (next.length === 0) break;
      for (const [name] of next) {
        before.add(name);
        left.delete(name);
      }
    }
    expect([...left.keys()], 'in a cycle').to.deep.equal([]);
  });
});

describe('resolved versions', () => {
  /** Older ones have known holes, which the ranges of their dependents alone would let in. */
  const FLOORS: Record<string, string> = {
    'engine.io': '6.6.12',
    'socket.io-parser': '4.2.7',
    'socket.io': '4.6.2',
    ws: '8.23.0',
    bullmq: '6.3.4',
    jsonwebtoken: '9.0.0',
  };
  const lockfile = readFileSync(join(repository, 'pnpm-lock.yaml'), 'utf8');

  for (const [name, floor] of Object.entries(FLOORS)) {
    it(`${name} is ${floor} or newer`, () => {
      const found = [...lockfile.matchAll(new RegExp(`^  '?${RegExp.escape(name)}@(\\d+\\.\\d+\\.\\d+)`, 'gm'))].map(
        ([, version]) => version ?? '',
      );
      expect(found).not.to.deep.equal([]);
      for (const version of found) expect(compare(version, floor), `${name}@${version}`).to.be.at.least(0);
    });
  }
});

function importsOf(folder: string): { file: string; specifier: string }[] {
  return globSync('src/**/*.ts', { cwd: folder }).flatMap((name) => {
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    const found = text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm);
    return [...found].map(([, from, bare, dynamic]) => ({ file, specifier: from ?? bare ?? dynamic ?? '' }));
  });
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  const i = left.findIndex((part, at) => part !== right[at]);
  return i < 0 ? 0 : (left[i] ?? 0) - (right[i] ?? 0);
}
