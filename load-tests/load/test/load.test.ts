import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { repository } from '@chat-cluster/local-cluster';
import {
  eventually,
  type FaultCluster,
  runNode,
  seededRandom,
  selfSigned,
  startFaultCluster,
  temporaryFolder,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { elementsOf } from '../../../packages/testkit/test/well-formed.ts';
import { failures } from '../src/counts.ts';
import type { Report } from '../src/report.ts';

const USERS = 72;
const IDLE = 20;

/** Runs the command as a user does, against a real cluster. */
describe('npm run load', () => {
  const temporary = temporaryFolder();
  const folder = temporary.path;
  let cluster: FaultCluster;
  let secretFile: string;
  /** TLS in front of the cluster, with a certificate that only `caFile` signs. */
  let tls: Server;
  let tlsUrl: string;
  let caFile: string;

  before(async () => {
    secretFile = join(folder, 'secret');
    cluster = await startFaultCluster({ gateways: 2, workers: 1, random: seededRandom('load') });
    await writeFile(secretFile, `${cluster.jwtSecret}\n`);
    const { cert, key } = await selfSigned();
    caFile = join(folder, 'ca.pem');
    await writeFile(caFile, cert);
    tls = createServer({ cert, key }, (client) => {
      const upstream = connect(cluster.entry.port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const end of [client, upstream]) {
        end
          .on('error', () => {})
          .on('close', () => {
            client.destroy();
            upstream.destroy();
          });
      }
    });
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    tlsUrl = `https://127.0.0.1:${(tls.address() as AddressInfo).port}`;
  });

  after(async () => {
    tls?.close();
    await cluster?.[Symbol.asyncDispose]();
    await temporary[Symbol.asyncDispose]();
  });

  function start(...args: string[]) {
    const env = { ...process.env, DATA_DIR: join(folder, 'none'), JWT_SECRET: '', NO_COLOR: '1' };
    return runNode([join(repository, 'load-tests/load/src/main.ts'), ...args], env);
  }

  it('reports that nothing is lost while a gateway is killed', async () => {
    const out = join(folder, 'killed');
    const common = ['--url', cluster.url, '--secret-file', secretFile, '--out', out, '--warm-up', '0'];
    const size = ['--users', `${USERS}`, '--idle', `${IDLE}`, '--processes', '2', '--rate', '100', '--reads', '0.3'];
    // One size below and one above the bound of small groups, which are published in different ways.
    const groups = ['--groups', '3,36', '--group-share', '0.3'];
    const changes = ['--edits', '0.1', '--deletes', '0.05', '--reactions', '0.2'];
    const { ended } = start(
      'steady',
      ...common,
      ...size,
      ...groups,
      ...changes,
      '--duration',
      '5',
      '--max-p99',
      '30000',
    );
    const [killed] = cluster.gateways;
    // Only events from clients count here, so at this figure sending is well under way.
    await eventually(async () => {
      expect((await killed?.metric('chat_events_total')) ?? 0).to.be.greaterThan(USERS + 50);
    });
    killed?.kill();
    const { code, stdout, stderr } = await ended;
    expect(stderr).to.equal('');
    expect(code, stdout).to.equal(0);
    const { counts, moments, ack, delivery, groupDelivery, change } = JSON.parse(
      await readFile(join(out, 'report.json'), 'utf8'),
    ) as Report;
    expect(failures(counts)).to.equal(0);
    expect(counts.sent).to.be.within(350, 650);
    expect(counts).to.include({ acked: counts.sent, unanswered: 0, skipped: 0 });
    expect(counts.groupAcked).to.be.within(counts.sent * 0.15, counts.sent * 0.45);
    expect(counts.delivered - counts.groupDelivered, 'in pairs').to.equal(counts.acked - counts.groupAcked);
    const [small, large] = groupDelivery.map((group) => group.count);
    expect([Number(small) % 2, Number(large) % 35], 'each message at all other members').to.deep.equal([0, 0]);
    expect(Number(small) / 2 + Number(large) / 35).to.equal(counts.groupAcked);
    expect(change.count)
      .to.equal(counts.changes)
      .and.greaterThan(counts.sent * 0.1);
    expect(counts.changesDelivered).to.be.at.least(counts.changes * 2);
    expect(counts.lostConnections, 'connections of the killed gateway').to.be.greaterThan(USERS / 4);
    expect(counts.reconnects).to.equal(counts.lostConnections);
    expect(counts.reads).to.be.greaterThan(20);
    expect(counts.deliveredMarks, 'about one per second and user').to.be.within(USERS, USERS * 10);
    expect(counts.marksReceived).to.be.greaterThan(counts.deliveredMarks);
    expect([ack.count, delivery.count]).to.deep.equal([counts.sent, counts.delivered]);
    expect(moments.at(-1)?.connected).to.equal(USERS + IDLE);
    expect(stdout).to.include('0 lost, 0 stored twice, 0 out of order, 0 wrong badges');

    const page = await readFile(join(out, 'report.html'), 'utf8');
    const drawings = page.match(/<svg.*?<\/svg>/gs) ?? [];
    expect(drawings).to.have.length(4);
    for (const drawing of drawings) expect(elementsOf(drawing)).to.include('polyline');
    expect(page, 'loads no other file').to.not.match(/(src|href)=|@import|url\(/);
  });

  it('ends early on a signal with a report, and fails above a limit; over TLS', async () => {
    const out = join(folder, 'early');
    const common = ['--url', tlsUrl, '--ca', caFile, '--secret-file', secretFile, '--out', out, '--warm-up', '0'];
    const run = start('fan-in', ...common, '--users', '10', '--duration', '1h', '--max-p99', '0.001');
    await eventually(() => expect(run.output.stdout, 'the first line with figures').to.match(/sending/));
    run.child.kill('SIGINT');
    const { code, stdout } = await run.ended;
    expect(stdout)
      .to.match(/ended early/)
      .and.match(/p99 .* the limit is/);
    expect(code).to.equal(1);
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as Report;
    expect(report).to.include({ complete: false, profile: 'fan-in' });
    expect(failures(report.counts)).to.equal(0);
    expect(report.counts.acked).to.equal(report.counts.sent).and.greaterThan(0);
  });

  it('explains in one sentence why it cannot start', async () => {
    const wrongSecret = join(folder, 'wrong-secret');
    await writeFile(wrongSecret, 'the secret of another cluster, 32 characters');
    const unreachable = 'http://127.0.0.1:1';
    const cases: [string[], RegExp][] = [
      [[], /No cluster runs on .*npm start/],
      [['--url', unreachable], /Set JWT_SECRET/],
      [['--url', unreachable, '--secret-file', secretFile], /127\.0\.0\.1:1 does not respond \(.*ECONNREFUSED/],
      [['--url', cluster.url, '--secret-file', wrongSecret], /refused the token \(TOKEN_INVALID/],
      [['--url', tlsUrl, '--secret-file', secretFile], /does not respond \(self-signed certificate; --ca FILE/],
      [['--tokens', join(folder, 'nowhere'), '--url', unreachable], /--tokens: .* cannot be read \(ENOENT\)/],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => start(...args).ended));
    for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
      expect(code).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr).to.match(cases[i]?.[1] ?? /^$/);
      expect(stderr.trim().split('\n')).to.have.length(1);
    }
  });
});
