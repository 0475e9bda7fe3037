import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { freePort, repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { validate } from 'dockerfile-utils';
import { copyOf, execForm, isIgnored, readDockerfile } from '../src/dockerfile.ts';

const text = readFileSync(join(repository, 'infra/docker/Dockerfile'), 'utf8');
const dockerignore = readFileSync(join(repository, '.dockerignore'), 'utf8');
const stages = readDockerfile(text);
const last = stages.at(-1)?.instructions ?? [];
const ofContext = stages
  .flatMap(({ instructions }) => instructions)
  .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
  .flatMap((instruction) => copyOf(instruction).sources);
const files = globSync('**/*', {
  cwd: repository,
  exclude: (name) => name === 'node_modules' || name === '.local',
}).filter((file) => statSync(join(repository, file)).isFile());

/** What runs in the image. */
const MAINS = [
  'services/gateway/src/main.ts',
  'services/worker/src/main.ts',
  'services/prober/src/main.ts',
  'packages/postgres/src/migrate.ts',
];

describe('the Dockerfile', () => {
  it('is one without a complaint of the linter', () => {
    expect(validate(text).map(({ range, message }) => `line ${range.start.line + 1}: ${message}`)).to.deep.equal([]);
  });

  it('copies what is there and not ignored', () => {
    for (const source of ofContext) {
      expect(existsSync(join(repository, source)), source).to.equal(true);
      expect(isIgnored(source, dockerignore), `${source} is ignored`).to.equal(false);
    }
  });

  it('installs what gateway, worker and prober depend on, and nothing else', () => {
    const needed = new Set<string>();
    const add = (folder: string): void => {
      if (needed.has(folder)) return;
      needed.add(folder);
      const { dependencies = {} } = JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8'));
      for (const name of Object.keys(dependencies)) {
        if (name.startsWith('@chat-cluster/')) add(name.replace('@chat-cluster/', 'packages/'));
      }
    };
    for (const main of MAINS) add(dirname(dirname(main)));
    const copied = ofContext.filter((source) => source.endsWith('/package.json')).map((source) => dirname(source));
    expect(copied.sort()).to.deep.equal([...needed].sort());
  });

  it('starts each part once to compile it, and a gateway by default', () => {
    for (const main of MAINS) {
      expect(existsSync(join(repository, main)), main).to.equal(true);
      expect(text).to.include(main);
    }
    const textOf = (name: string) => last.find((instruction) => instruction.name === name)?.text ?? '';
    expect([...execForm(textOf('ENTRYPOINT')), ...execForm(textOf('CMD'))]).to.deep.equal(['node', MAINS[0]]);
    expect(textOf('USER')).to.match(/^[1-9]\d+:[1-9]\d+$/);
  });
});

describe('the .dockerignore', () => {
  it('lets in the code, and no secrets, data, tests or modules of this machine', () => {
    const kept = files.filter((file) => !isIgnored(file, dockerignore));
    const of = (pattern: string) => globSync(pattern, { cwd: repository });
    expect(kept).to.include.members([...MAINS, 'infra/docker/healthcheck.mjs', ...of('services/gateway/src/**/*.ts')]);
    expect(
      kept.filter((file) => !/^(packages|services)\/[\w-]+\/(src|sql|package\.json)|^[\w-]+\.(json|yaml)$/.test(file)),
    ).to.deep.equal(['infra/docker/healthcheck.mjs']);
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
});

describe('the health check', () => {
  /** Asks on `port`, as its process in the container would. */
  async function check(port: number): Promise<{ code: number; said: string }> {
    const env = { ...process.env, ADMIN_PORT: String(port) };
    const child = spawn(process.execPath, [join(repository, 'infra/docker/healthcheck.mjs')], { env });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  }

  async function checkOf(status: number): Promise<{ code: number; said: string }> {
    await using server = createServer((request, response) => {
      response.writeHead(request.url === '/healthz' ? status : 404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return await check((server.address() as AddressInfo).port);
  }

  it('passes when /healthz of the admin port answers', async () => {
    expect(await checkOf(200)).to.deep.equal({ code: 0, said: '' });
  });

  it('fails when it answers with an error, or not at all', async () => {
    const refused = await checkOf(503);
    expect(refused.code).to.equal(1);
    expect(refused.said).to.match(/port \d+ answered 503/);
    expect((await check(await freePort())).code).to.equal(1);
  });
});
