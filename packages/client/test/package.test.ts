import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { checkPackage, Package } from '@arethetypeswrong/core';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { apiReference } from '../build/api-reference.ts';
import { buildPackage, manifestOf } from '../build/build.ts';
import { bundledSize } from '../build/bundled-size.ts';
import { readmeBlocks } from './readme-blocks.ts';

/** Bytes of a minified and gzipped bundle without the dependencies, for each entry of the package. */
const BUDGET: Record<string, number> = {
  '.': 15_000,
  './groups': 6_000,
  './react': 2_000,
  './indexeddb': 2_000,
};

const folder = resolve(import.meta.dirname, '..');

describe('the npm package', () => {
  let dist: string;
  before(async () => {
    dist = await buildPackage();
  });

  it('has no finding of publint', async () => {
    const { messages, pkg } = await publint({ pkgDir: dist, pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).to.deep.equal([]);
  });

  it('has types that every module system resolves', async () => {
    const { name, version } = manifestOf(dist);
    const files = globSync('**/*.{js,ts,json}', { cwd: dist }).map((file) => [
      `/node_modules/${name}/${file}`,
      readFileSync(join(dist, file), 'utf8'),
    ]);
    const result = await checkPackage(new Package(Object.fromEntries(files), name, version));
    expect(result.types).to.deep.include({ kind: 'included' });
    // The package is ESM, for compilers that know `exports`. Node 22 and newer load it with `require` too.
    const problems = (
      result.types === false ? [] : (result as { problems: { kind: string; resolutionKind?: string }[] }).problems
    ).filter(({ kind, resolutionKind }) => kind !== 'CJSResolvesToESM' && resolutionKind !== 'node10');
    expect(problems).to.deep.equal([]);
  });

  it('imports its declared dependencies only, and nothing of Node', () => {
    const { dependencies, peerDependencies } = manifestOf(dist);
    const declared = Object.keys({ ...dependencies, ...peerDependencies });
    for (const file of globSync('**/*.{js,d.ts}', { cwd: dist })) {
      const text = readFileSync(join(dist, file), 'utf8');
      const imported = [...text.matchAll(/\b(?:from|import)\s*\(?\s*["']([^."'][^"']*)["']/g)].map(([, name]) => name);
      expect(declared, `imports of ${file}`).to.include.members(imported);
    }
  });

  it('runs as it is published', async () => {
    const load = (entry: string) => import(pathToFileURL(join(dist, entry)).href);
    const { createChatClient } = (await load('index.js')) as typeof import('@chat-cluster/client');
    const { createFakeCluster } = (await load('testing.js')) as typeof import('@chat-cluster/client/testing');
    const cluster = createFakeCluster();
    const chat = createChatClient(cluster.optionsOf('alice'));
    chat.connect();
    await cluster.advance(1_000);
    const { id, seq } = await (await chat.direct('bob')).send('Hello!').stored;
    expect(cluster.messages((await chat.direct('bob')).id).map((message) => message.id)).to.deep.equal([id]);
    expect(seq).to.equal(1);
    await chat.close();
    cluster.close();
  });

  it('starts no timer and touches nothing of a page when it is imported', async () => {
    // After the dependencies, which are not under control here.
    const code = `
      for (const name of ['socket.io-client', 'idb', 'react']) await import(name);
      for (const name of ['window', 'document', 'indexedDB', 'localStorage', 'setTimeout', 'setInterval']) {
        Object.defineProperty(globalThis, name, { get() { throw new Error(name + ' is used by an import'); } });
      }
      for (const file of process.argv.slice(1)) await import(file);`;
    const files = globSync('*.js', { cwd: dist }).map((file) => pathToFileURL(join(dist, file)).href);
    expect(files).to.have.lengthOf.at.least(4);
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code, ...files], { cwd: folder });
  });

  for (const [entry, bytes] of Object.entries(BUDGET)) {
    it(`adds less than ${bytes / 1000} kB to an application: ${entry}`, async () => {
      expect(await bundledSize(dist, entry)).to.be.below(bytes);
    });
  }

  it('is described by API.md (UPDATE_API=1 rewrites it)', () => {
    const file = join(folder, 'API.md');
    const text = apiReference(dist);
    if (process.env.UPDATE_API) writeFileSync(file, text);
    expect(text).to.equal(readFileSync(file, 'utf8'));
  });

  it('exports every type that its exports name, so that an application can name it too', () => {
    const text = apiReference(dist);
    const described = new Set([...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name));
    const code = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => withoutComments(block)).join('\n');
    const named = new Set([...code.matchAll(/\b[A-Z]\w*\b/g)].map(([name]) => name));
    // The brand of ids, type parameters, and what the language and React have.
    const known =
      /^(Id|E|T|Client|Opened|Name|Readonly|Record|Partial|Required|Pick|Extract|Promise|Error|AbortSignal|ReactNode)$/;
    const inner = ['ClientEvent', 'ServerEvent', 'StoredConversation'];
    const missing = [...named].filter((name) => !described.has(name) && !known.test(name) && !inner.includes(name));
    expect(missing).to.deep.equal([]);
  });

  it('has a reference in which every link of a list of contents leads to its own heading', () => {
    const headings: string[] = [];
    const counts = new Map<string, number>();
    for (const [, name = ''] of apiReference(dist).matchAll(/^### (\w+)$/gm)) {
      const count = counts.get(name.toLowerCase()) ?? 0;
      counts.set(name.toLowerCase(), count + 1);
      headings.push(`[${name}](#${name.toLowerCase()}${count === 0 ? '' : `-${count}`})`);
    }
    const links = [...apiReference(dist).matchAll(/\[\w+\]\(#[\w-]+\)/g)].map(([link]) => link);
    expect(links).to.deep.equal(headings);
  });

  for (const [platform, options] of Object.entries({
    Node: { types: ['node'], lib: ['es2022'] },
    'a browser': { types: [], lib: ['es2022', 'dom'] },
  })) {
    it(`compiles in a strict project for ${platform}, with the declarations checked`, async () => {
      await compile(dist, options);
    });
  }
});

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*.*?\*\/|"[^"]*"/gs, '');
}

/** Compiles test/consumer and the code of README.md with the package in node_modules. */
async function compile(dist: string, options: { types: string[]; lib: string[] }): Promise<void> {
  const project = mkdtempSync(join(tmpdir(), 'chat-consumer-'));
  try {
    link(project, '@chat-cluster/client', dist);
    for (const name of ['@types/react', 'react']) link(project, name, join(folder, 'node_modules', name));
    link(project, '@types/node', join(repository, 'node_modules/@types/node'));
    const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
    const modules = { module: 'nodenext', target: 'es2022', jsx: 'react-jsx', noEmit: true, skipLibCheck: false };
    const compilerOptions = { ...strict, ...modules, ...options };
    writeFileSync(join(project, 'package.json'), '{"type": "module"}');
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    writeFileSync(join(project, 'application.ts'), readFileSync(join(import.meta.dirname, 'consumer/application.ts')));
    for (const [index, code] of [...readmeBlocks('ts'), ...readmeBlocks('tsx')].entries()) {
      writeFileSync(join(project, `readme-${index}.tsx`), code);
    }
    const tsc = join(repository, 'node_modules/typescript/bin/tsc');
    await promisify(execFile)(process.execPath, [tsc, '-p', project]).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function link(project: string, name: string, target: string): void {
  const path = join(project, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
