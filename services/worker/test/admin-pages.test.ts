import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterOverview } from '@chat-cluster/contracts';
import { connectRedis, disconnectRedis } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import { eventually, startTestCluster, type TestCluster, temporaryFolder } from '@chat-cluster/testkit';
import { loadConfig } from '@chat-cluster/worker/config';
import { createNodeRedisClient, Queue, Worker } from 'bullmq';
import { expect } from 'chai';

const SECRET = 'meet-me-at-nine';

describe("the pages of a worker's admin listener", () => {
  const web = temporaryFolder();
  let cluster: TestCluster;
  let url: string;

  before(async () => {
    await mkdir(join(web.path, 'assets'));
    await writeFile(join(web.path, 'cluster.html'), '<script type="module" src="/assets/cluster-1a2b.js"></script>');
    await writeFile(join(web.path, 'assets/cluster-1a2b.js'), 'run()');
    // The gateway of the cluster serves the same folder.
    await writeFile(join(web.path, 'index.html'), '<title>Chat</title>');
    cluster = await startTestCluster({ gatewayProcesses: 1, env: { QUEUE_BOARD: 'true', WEB_DIR: web.path } });
    const worker = cluster.processes.find(({ name }) => name === 'worker-1');
    url = `http://127.0.0.1:${worker?.adminPort}`;
  });
  after(async () => {
    await cluster?.stop();
    await web[Symbol.asyncDispose]();
  });

  /** Reads the response to its end: an unread response keeps its connection open. */
  const get = async (path: string, init?: RequestInit) => {
    const answer = await fetch(url + path, init);
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };

  it('show all lanes, their holders and their depths, and the path of Bull Board', async () => {
    await eventually(async () => {
      const overview = JSON.parse((await get('/cluster/api/overview')).text) as ClusterOverview;
      expect(overview).to.include({ queueBoard: '/queues', canAct: false });
      expect(overview.lanes.map(({ lane }) => lane)).to.deep.equal([
        ...['inbox-0', 'inbox-1', 'inbox-2', 'inbox-3'],
        ...['recount-0', 'recount-1'],
      ]);
      for (const lane of overview.lanes) {
        expect(lane).to.include({ batches: 0, oldestMs: 0, worker: 'worker-1', givenUp: 0 });
        expect(lane.heldSince).to.be.closeTo(Date.now(), 60_000);
      }
    });
  });

  it('serve the built page of WEB_DIR with its files, and its API beside it', async () => {
    const page = await get('/cluster');
    expect(page).to.include({ status: 200, text: '<script type="module" src="/assets/cluster-1a2b.js"></script>' });
    expect(page.headers.get('content-security-policy')).to.match(/^default-src 'none'; script-src 'self';/);
    const script = await get('/assets/cluster-1a2b.js');
    expect(script).to.include({ status: 200, text: 'run()' });
    expect(script.headers.get('cache-control')).to.include('immutable');
    expect((await get('/assets/none.js')).status).to.equal(404);
    // The page asks whether this is a local cluster.
    expect(await get('/local.json')).to.include({ status: 204, text: '' });
    expect((await get('/cluster/none')).status).to.equal(404);
  });

  it('serve Bull Board under its own path, with all files that its page requests', async () => {
    expect(loadConfig({ DATABASE_URL: 'postgres://x', REDIS_URL: 'redis://x' }).QUEUE_BOARD).to.equal(false);
    const page = await get('/queues');
    expect(page.headers.get('content-security-policy')).to.match(/^default-src 'self'/);
    const base = /<base href="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const assets = [...page.text.matchAll(/(?:src|href)="(static[^"]+)"/g)].map(([, asset = '']) => base + asset);
    expect(assets.length).to.be.above(4);
    for (const asset of assets) expect((await get(asset)).status, asset).to.equal(200);
  });

  it('reject requests that change something, and pages of other origins', async () => {
    const own = { origin: url };
    expect((await get('/queues/api/queues', { headers: own })).status).to.equal(200);
    for (const path of ['/queues', '/queues/api/queues']) {
      expect((await get(path, { headers: { origin: 'http://evil.example' } })).status, path).to.equal(405);
    }
    for (const action of ['pause', 'inbox-0/pause', 'inbox-0/empty', 'inbox-0/serve/clean']) {
      expect((await get(`/queues/api/queues/${action}`, { method: 'PUT', headers: own })).status).to.equal(405);
    }
  });

  it('show the jobs of the unread audit with their worker', async () => {
    await eventually(async () => {
      const { text } = await get('/queues/api/queues?activeQueue=unread-audit&status=completed');
      const { queues } = JSON.parse(text) as {
        queues: { name: string; jobs: { name: string; processedBy?: string }[] }[];
      };
      const { jobs } = queues.find(({ name }) => name === 'unread-audit') ?? { jobs: [] };
      expect(jobs[0]).to.include({ name: 'unread-audit', processedBy: 'worker-1' });
    });
  });

  it('show nothing of the contents of a job in any state', async () => {
    const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
    const redis = await connectRedis(cluster.redisUrl, 'consume', logger);
    const connection = createNodeRedisClient(redis);
    const queue = new Queue('inbox-0', { connection, prefix: 'chat' });
    // The worker of the cluster holds the lease, so these jobs come here.
    const worker = new Worker(
      'inbox-0',
      async (job) => {
        await job.updateProgress({ text: SECRET });
        await job.log(SECRET);
        if (job.name === 'fails') throw new Error(SECRET);
        return SECRET;
      },
      { connection, prefix: 'chat' },
    );
    const data = { content: SECRET, token: SECRET };
    try {
      for (const name of ['fails', 'is-done', SECRET]) await queue.add(name, data, { jobId: `planted-${name.length}` });
      await eventually(async () =>
        expect(await queue.getJobCounts('completed', 'failed')).to.deep.equal({ completed: 2, failed: 1 }),
      );
      await redis.hSet('chat:inbox-0:planted-broken', { name: 'broken', data: `{"content":"${SECRET}` });
      const paths = ['latest', 'active', 'completed', 'failed'].map(
        (status) => `?activeQueue=inbox-0&status=${status}`,
      );
      const jobs = ['serve', 'planted-5', 'planted-7', 'planted-15', 'planted-broken'];
      const all = [...paths, ...jobs.flatMap((id) => [`/inbox-0/${id}`, `/inbox-0/${id}/logs`, `/inbox-0/${id}/flow`])];
      const answers = await Promise.all(
        [...all.map((path) => `/queues/api/queues${path}`), '/queues/api/job-schedulers', '/cluster/api/overview'].map(
          async (path) => ({ path, ...(await get(path)) }),
        ),
      );
      for (const { path, text } of answers) expect(text, path).not.to.include(SECRET);
      const failed = answers.find(({ path }) => path.endsWith('status=failed'));
      expect(failed?.text).to.include('"failedReason":"[redacted]"');
      expect(answers.find(({ path }) => path.endsWith('/serve'))?.text).to.include('"processedBy":"worker-1"');
      expect(answers.find(({ path }) => path.endsWith('/planted-5/logs'))?.status).to.equal(403);
    } finally {
      await worker.close();
      await queue.close();
      await disconnectRedis(redis);
    }
  });
});
