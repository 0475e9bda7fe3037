import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { eventually, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';

const PASSING = `describe('a suite', () => { it('passes', () => {}); });`;
const FAILING = `describe('a suite', () => { it('fails', () => { throw new Error('planted'); }); });`;
const WAITING = `describe('a suite', () => { it('waits', (done) => { console.log('begun'); setTimeout(done, 60_000); }); });`;

/** In a small repository with the real npm commands; the gates, the preparation and the tests are replaced. */
describe('npm test', () => {
  let folder: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    folder = temporaryFolder();
    for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'infra/local']) {
      cpSync(join(repository, file), join(folder.path, file), { recursive: true });
    }
    rmSync(join(folder.path, 'infra/local/test'), { recursive: true });
    rmSync(join(folder.path, 'infra/local/node_modules'), { recursive: true });
    for (const module of ['mocha', `node-${process.platform}-${process.arch}`]) {
      link(`node_modules/${module}`);
    }
    write('node_modules/.installed', stamp());
    write('packages/testkit/src/prepare.ts', '');
    write('infra/prose/src/check-prose.ts', '');
    gate('tsc', 0);
    gate('biome', 0);
  });

  afterEach(() => folder[Symbol.asyncDispose]());

  function write(file: string, content: string): void {
    mkdirSync(dirname(join(folder.path, file)), { recursive: true });
    writeFileSync(join(folder.path, file), content, { mode: 0o755 });
  }

  function link(name: string): void {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    symlinkSync(join(repository, name), join(folder.path, name));
  }

  function gate(name: string, code: number): void {
    write(`node_modules/.bin/${name}`, `#!/bin/sh\nexit ${code}\n`);
  }

  const environment = { ...process.env, NO_COLOR: '1', TEST_JOBS: '2', npm_lifecycle_event: '' };
  const command = () => join(folder.path, 'infra/local/bootstrap.mjs');

  function npmTest(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const options = { encoding: 'utf8', env: { ...environment, ...env } } as const;
    const { stdout, stderr, status } = spawnSync(process.execPath, [command(), 'test', ...args], options);
    return { stdout, stderr, status, last: lastLine(stdout) };
  }

  it('counts gates and tests of all suites', () => {
    write('packages/a/test/one.test.ts', PASSING);
    write('packages/redis/test/two.test.ts', PASSING);
    write('infra/prometheus/test/three.test.ts', PASSING);
    expect(npmTest()).to.include({ last: '8 passed, 0 failed', status: 0 });
  });

  it('repeats failed tests at the end', () => {
    write('packages/a/test/one.test.ts', FAILING);
    write('packages/b/test/two.test.ts', PASSING);
    const { last, status, stdout } = npmTest();
    expect({ last, status }).to.deep.equal({ last: '6 passed, 1 failed', status: 1 });
    expect(stdout.slice(stdout.indexOf('── Failed'))).to.match(/packages\/a: a suite fails\nError: planted/);
  });

  it('counts a test file that cannot be loaded as one failure', () => {
    write('packages/a/test/one.test.ts', `import './missing.ts';`);
    expect(npmTest()).to.include({ last: '5 passed, 1 failed', status: 1 });
  });

  it('runs no tests after a failed gate', () => {
    write('packages/a/test/one.test.ts', PASSING);
    gate('biome', 1);
    expect(npmTest()).to.include({ last: '4 passed, 1 failed', status: 1 });
  });

  it('runs only the given files, without gates', () => {
    write('packages/a/test/one.test.ts', PASSING);
    write('packages/a/test/two.test.ts', FAILING);
    gate('biome', 1);
    expect(npmTest([join(folder.path, 'packages/a/test/one.test.ts')])).to.include({
      last: '1 passed, 0 failed',
      status: 0,
    });
  });

  it('runs only the tests of a given folder, without gates', () => {
    write('packages/a/test/one.test.ts', PASSING);
    write('packages/a/test/deep/two.test.ts', PASSING);
    write('packages/ab/test/three.test.ts', FAILING);
    write('packages/redis/test/four.test.ts', PASSING);
    gate('biome', 1);
    for (const [args, last] of [
      [['packages/a'], '2 passed, 0 failed'],
      [['packages/a/test/deep/'], '1 passed, 0 failed'],
      [['--bail', 'packages/a', join(folder.path, 'packages/redis')], '3 passed, 0 failed'],
      [['packages/a', 'packages/redis/test/four.test.ts'], '3 passed, 0 failed'],
      [['packages/a', '-g', 'packages'], '0 passed, 0 failed'],
    ] as const) {
      expect(npmTest(args), args.join(' ')).to.include({ last, status: 0 });
    }
  });

  it('refuses an argument that names no test, with a sentence', () => {
    write('packages/a/test/one.test.ts', PASSING);
    write('packages/b/src/b.ts', '');
    for (const [name, sentence] of [
      ['packages/missing', 'packages/missing is no test file and no folder. Pass test files, folders'],
      ['packages/b', 'packages/b: there are no tests.'],
    ] as const) {
      const { stderr, last, status } = npmTest([name]);
      expect({ last, status }).to.deep.equal({ last: '0 passed, 1 failed', status: 1 });
      expect(stderr).to.include(sentence);
    }
  });

  it('ends with the line of counts when the install fails', () => {
    write('node_modules/.installed', 'another lockfile');
    write('bin/npx', '#!/bin/sh\nexit 1\n');
    const { last, status, stderr } = npmTest([], { PATH: `${join(folder.path, 'bin')}:${process.env.PATH}` });
    expect({ last, status }).to.deep.equal({ last: '0 passed, 1 failed', status: 1 });
    expect(stderr).to.include('Installing the dependencies failed');
  });

  it('ends with the line of counts when the test runner crashes', () => {
    const { last, status } = npmTest([], { TMPDIR: join(folder.path, 'missing') });
    expect({ last, status }).to.deep.equal({ last: '0 passed, 1 failed', status: 1 });
  });

  it('ends with the line of counts on SIGTERM, and stops its tests', async () => {
    write('packages/a/test/one.test.ts', WAITING);
    const child = spawn(process.execPath, [command(), 'test'], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const closed = once(child, 'close');
    await eventually(() => expect(output).to.include('begun'));
    child.kill('SIGTERM');
    const [status] = await closed;
    expect({ last: lastLine(output), status }).to.deep.equal({ last: '5 passed, 1 failed', status: 1 });
  });
});

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1);
}

/** As install.mjs calculates it. */
function stamp(): string {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(repository, file)));
  return hash.digest('hex');
}
