import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { freePort, repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { validate } from 'dockerfile-utils';
import { copiedPaths, execForm, isIgnored, readDockerfile } from '../src/dockerfile.ts';

const text = readFileSync(join(repository, 'infra/docker/Dockerfile'), 'utf8');
const dockerignore = readFileSync(join(repository, '.dockerignore'), 'utf8');
const stages = readDockerfile(text);
const finalStage = stages.at(-1)?.instructions ?? [];
const copiedFromContext = stages
  .flatMap(({ instructions }) => instructions)
  .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
  .flatMap((instruction) => copiedPaths(instruction).sources);

/** Entry points that run in the image. */
const MAINS = [
  'services/gateway/src/main.ts',
  'services/worker/src/main.ts',
  'services/prober/src/main.ts',
  'packages/postgres/src/migrate.ts',
];

/** Folders of the services and packages that these parts need, their own included. */
function neededBy(parts: readonly string[]): string[] {
  const needed = new Set<string>();
  const add = (folder: string): void => {
    if (needed.has(folder)) return;
    needed.add(folder);
    const { dependencies = {} } = JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      if (name.startsWith('@chat-cluster/')) add(name.replace('@chat-cluster/', 'packages/'));
    }
  };
  for (const part of parts) add(part);
  return [...needed].sort();
}

const SERVICES = MAINS.map((main) => dirname(dirname(main)));

/** The folders of the `package.json` that a stage copies from the build context. */
function installedIn(stage: string): string[] {
  const { instructions = [] } = stages.find(({ name }) => name === stage) ?? {};
  return instructions
    .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
    .flatMap((instruction) => copiedPaths(instruction).sources)
    .filter((source) => source.endsWith('/package.json'))
    .map((source) => dirname(source))
    .sort();
}

describe('the Dockerfile', () => {
  it('passes the linter', () => {
    expect(validate(text).map(({ range, message }) => `line ${range.start.line + 1}: ${message}`)).to.deep.equal([]);
  });

  it('copies only files that exist and are not ignored', () => {
    for (const source of copiedFromContext) {
      expect(existsSync(join(repository, source)), source).to.equal(true);
      expect(isIgnored(source, dockerignore), `${source} is ignored`).to.equal(false);
    }
  });

  it('installs the dependencies of gateway, worker and prober, and of the page, and no others', () => {
    expect(installedIn('build')).to.deep.equal(neededBy(SERVICES));
    expect(installedIn('web-build')).to.deep.equal(neededBy(['services/web']));
  });

  it('has the built page in both images, whose second one runs nginx, not as root', () => {
    const page = '/app/services/web/dist';
    const { instructions = [] } = stages.find(({ name }) => name === 'web') ?? {};
    // The build would succeed without the runbook, but the cluster view would have no sections of it.
    expect(copiedFromContext).to.include('infra/RUNBOOK.md');
    for (const [stage, target] of [
      [stages.find(({ name }) => name === 'build')?.instructions ?? [], 'services/web/dist'],
      [instructions, '/usr/share/chat'],
    ] as const) {
      const copied = stage.filter(({ flags }) => flags.from === 'web-build').map(copiedPaths);
      expect(copied).to.deep.equal([{ sources: [page], target }]);
    }
    const textOf = (name: string) => instructions.find((instruction) => instruction.name === name)?.text ?? '';
    expect([...execForm(textOf('ENTRYPOINT')), ...execForm(textOf('CMD'))]).to.deep.equal([
      'sh',
      '/etc/chat/start.sh',
      'nginx',
    ]);
    expect(textOf('USER')).to.match(/^[1-9]\d+:[1-9]\d+$/);
  });

  it('compiles every entry point, and starts a gateway by default, not as root', () => {
    for (const main of MAINS) {
      expect(existsSync(join(repository, main)), main).to.equal(true);
      expect(text).to.include(main);
    }
    const textOf = (name: string) => finalStage.find((instruction) => instruction.name === name)?.text ?? '';
    expect([...execForm(textOf('ENTRYPOINT')), ...execForm(textOf('CMD'))]).to.deep.equal(['node', MAINS[0]]);
    expect(textOf('USER')).to.match(/^[1-9]\d+:[1-9]\d+$/);
  });
});

describe('the .dockerignore', () => {
  const kept = globSync('**/*', {
    cwd: repository,
    exclude: (name) => name === 'node_modules' || name === '.local',
  }).filter((file) => statSync(join(repository, file)).isFile() && !isIgnored(file, dockerignore));

  it('keeps code in the build context, and leaves out secrets, data, tests and node_modules', () => {
    const gatewayFiles = globSync('services/gateway/src/**/*.ts', { cwd: repository });
    expect(kept).to.include.members([...MAINS, 'infra/docker/healthcheck.mjs', ...gatewayFiles]);
    expect(
      kept.filter(
        (file) =>
          !/^(packages|services)\/[\w-]+\/(src|sql|package\.json|roles\.sql)|^[\w.-]+\.(json|yaml)$/.test(file) &&
          !/^services\/web\/[\w.-]+\.(html|json|ts)$/.test(file),
      ),
    ).to.deep.equal([
      'infra/RUNBOOK.md',
      'infra/docker/healthcheck.mjs',
      'infra/docker/web/nginx.conf',
      'infra/docker/web/start.sh',
    ]);
    for (const file of [
      '.env',
      '.git/config',
      '.local/data/secret',
      'node_modules/a',
      'packages/queue/node_modules/a',
    ]) {
      expect(isIgnored(file, dockerignore), file).to.equal(true);
    }
  });

  it('leaves out packages that no image needs', () => {
    const folders = kept
      .filter((file) => /^(packages|services)\//.test(file))
      .map((file) => file.split('/', 2).join('/'));
    expect([...new Set(folders)].sort()).to.deep.equal(neededBy([...SERVICES, 'services/web']));
  });
});

describe('the health check', () => {
  /** Runs it with ADMIN_PORT, as the container engine does. */
  async function check(port: number): Promise<{ code: number; errors: string }> {
    const env = { ...process.env, ADMIN_PORT: String(port) };
    const child = spawn(process.execPath, [join(repository, 'infra/docker/healthcheck.mjs')], { env });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, errors };
  }

  /** Runs it against an admin listener whose /healthz returns `status`. */
  async function checkStatus(status: number): Promise<{ code: number; errors: string }> {
    await using server = createServer((request, response) => {
      response.writeHead(request.url === '/healthz' ? status : 404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return await check((server.address() as AddressInfo).port);
  }

  it('passes when /healthz of the admin port returns 200', async () => {
    expect(await checkStatus(200)).to.deep.equal({ code: 0, errors: '' });
  });

  it('fails when /healthz returns an error, or does not respond', async () => {
    const unhealthy = await checkStatus(503);
    expect(unhealthy.code).to.equal(1);
    expect(unhealthy.errors).to.match(/port \d+ returned 503/);
    expect((await check(await freePort())).code).to.equal(1);
  });
});
