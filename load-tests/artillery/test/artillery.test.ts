import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { runNode, startTestCluster, type TestCluster, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';

interface Ended {
  code: number | null;
  output: string;
}

/** Installs Artillery unless it is installed: a download of about 15 s. */
describe('npm run load:artillery', () => {
  const temporary = temporaryFolder();
  const folder = temporary.path;
  let cluster: TestCluster;

  before(async () => {
    const [started, installed] = await Promise.all([
      startTestCluster(),
      bootstrap(['install', 'load-tests/artillery']),
    ]);
    cluster = started;
    expect(installed.code, installed.output).to.equal(0);
  });

  after(async () => {
    await cluster?.stop();
    await temporary[Symbol.asyncDispose]();
  });

  it('runs scenarios without error or loss, and fails when tokens are refused or a latency exceeds its limit', async () => {
    // Concurrently, since most of it is waiting.
    const [steady, storm, groups, refused, late] = await Promise.all([
      load('steady', ['--duration', '2'], cluster.jwtSecret),
      load('reconnect-storm', [], cluster.jwtSecret),
      load('groups', ['--duration', '2'], cluster.jwtSecret),
      load('big-fan-in', ['--duration', '1', '--rate', '1'], 'a secret that is not the one of this cluster'),
      load('spike', ['--duration', '1', '--rate', '1', '--max-p99', '1'], cluster.jwtSecret),
    ]);
    expectAllDelivered(steady, 10 * 4);
    expectAllDelivered(storm, 10 * 2);
    expectAllDelivered(groups, 6 * 3);
    expect(groups.counters['chat.changes']).to.equal(6 * 3 * 2);
    expect(storm.counters['socketio.emit'], 'with a read mark for each pair').to.equal(30);
    expect(late.code).to.equal(1);
    expect(late.output).to.include('A threshold is missed');
    expect(refused.code).to.equal(1);
    expect(refused.output).to.include('There were errors.');
  });

  it('reports in one sentence that no cluster runs', async () => {
    const { code, output } = await bootstrap(['load:artillery', 'steady'], { DATA_DIR: folder });
    expect(code).to.equal(1);
    expect(output.trim().split('\n')).to.have.length(1);
    expect(output).to.include('npm start');
  });

  /** The limits of latencies are wide, since they depend on the machine. */
  async function load(scenario: string, options: readonly string[], secret: string) {
    const file = join(folder, `${scenario}.json`);
    const to = ['--url', cluster.url, '--json', file, '--max-p99', '60000'];
    const args = ['load:artillery', scenario, '--short', ...to, ...options];
    const ended = await bootstrap(args, { JWT_SECRET: secret });
    const report = JSON.parse(readFileSync(file, 'utf8')) as { aggregate: { counters: Record<string, number> } };
    return { ...ended, counters: report.aggregate.counters };
  }

  function expectAllDelivered(
    { code, output, counters }: Ended & { counters: Record<string, number> },
    messages: number,
  ) {
    expect(code, output).to.equal(0);
    expect(Object.keys(counters).filter((name) => name.startsWith('errors.'))).to.deep.equal([]);
    expect(counters).to.include({ 'vusers.failed': 0, 'chat.lost': 0, 'chat.duplicated': 0, 'chat.out_of_order': 0 });
    for (const name of ['sent', 'acked', 'expected', 'delivered']) {
      expect(counters[`chat.${name}`], name).to.equal(messages);
    }
  }
});

async function bootstrap(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const all = { ...process.env, NO_COLOR: '1', ...env };
  const { code, stdout, stderr } = await runNode([join(repository, 'infra/local/bootstrap.mjs'), ...args], all).ended;
  return { code, output: stdout + stderr };
}
