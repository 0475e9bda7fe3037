import { execFileSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { createChatClient } from '@chat-cluster/client';
import type { ClusterOverview, LocalActionResult, LocalProcess, LocalToken } from '@chat-cluster/contracts';
import { eventually } from '@chat-cluster/testkit';
import { type Control, controlOf, type NpmStart, npmStart } from '@chat-cluster/testkit/npm-start';
import { expect } from 'chai';

/** Claims that the gateways require. Every token of these tests needs them. */
const CLAIMS = { JWT_ISSUER: 'https://id.example.com/', JWT_AUDIENCE: 'chat', JWT_USER_CLAIM: 'uid' };

describe('npm start', () => {
  let cluster: NpmStart;
  let control: Control;
  before(async () => {
    cluster = await npmStart(CLAIMS);
    control = await controlOf(cluster.url);
  });
  after(() => cluster[Symbol.asyncDispose]());

  it('serves the chat page, its files and the cluster view, and lists them', async () => {
    expect(cluster.output()).to.include(`Cluster    ${cluster.url}/cluster`);
    for (const [path, title] of [
      ['/', 'Chat'],
      ['/cluster', 'Cluster'],
    ] as const) {
      const page = await (await fetch(cluster.url + path)).text();
      expect(page).to.include(`<title>${title}</title>`);
      for (const [, file] of page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        const response = await fetch(cluster.url + file);
        expect(response.status, file).to.equal(200);
        // An unread body breaks the connection that fetch keeps open.
        expect(await response.text(), file).not.to.equal('');
      }
    }
    expect(control.page.gateways).to.deep.equal(['gateway-1', 'gateway-2']);
  });

  it('gives pages of this machine tokens, which connect at once', async () => {
    const { token, userId, expiresInMs } = await control.post<LocalToken>('/tokens', { userId: 'Zoë 🙂' });
    expect({ userId, expiresInMs }).to.deep.equal({ userId: 'Zoë 🙂', expiresInMs: 86_400_000 });
    await using chat = connect(cluster.url, () => token);
    await chat.live();
    expect(cluster.output()).to.match(/control: token for 'Zoë 🙂', by http:\/\/127\.0\.0\.1:\d+ \(127\.0\.0\.1\)/);
  });

  it('prints tokens of demo users, which connect too', async () => {
    const token = /^ +alice +(eyJ\S+)$/m.exec(stripVTControlCharacters(cluster.output()))?.[1] ?? '';
    await using chat = connect(cluster.url, () => token);
    await chat.live();
    expect(chat.client.status).to.include({ userId: 'alice' });
  });

  it('mounts the API of the cluster view, with actions, behind the same checks', async () => {
    await eventually(async () => {
      const overview = await control.get<ClusterOverview>('/cluster/api/overview');
      expect(overview.gateways.map(({ name }) => name).sort()).to.deep.equal(['gateway-1', 'gateway-2']);
      expect(overview.workers.map(({ name }) => name)).to.deep.equal(['worker-1']);
      expect(overview.canAct).to.equal(true);
    });
    await control.post('/cluster/api/users/disconnect?id=carol', {});
    expect(cluster.output()).to.include('control: POST /cluster/api/users/disconnect?id=carol, by http');
    const headers = { authorization: '' };
    expect((await control.send('/cluster/api/overview', { headers })).status).to.equal(401);
  });

  it('loses and repeats no message while its processes are killed, paused, drained and added', async () => {
    await using alice = connect(cluster.url, () => tokenOf('alice'));
    await using bob = connect(cluster.url, () => tokenOf('bob'));
    await Promise.all([alice.live(), bob.live()]);
    const received: (string | null)[] = [];
    bob.client.on('message', ({ content }) => received.push(content));
    const conversation = await alice.client.direct('bob');
    const sent: { content: string; stored: Promise<unknown> }[] = [];
    let stored = 0;
    const waiting = () => sent.length - stored;
    const sending = setInterval(() => {
      // On a slow machine more messages would wait than a client keeps.
      if (waiting() > 400) return;
      const content = `message ${sent.length}`;
      sent.push({ content, stored: conversation.send(content).stored.then(() => stored++) });
    }, 20);
    try {
      const { name: gateway } = (await act('gateway-1', 'kill')).process;
      await returns(gateway);
      await act('gateway-2', 'pause');
      expect(await find('gateway-2')).to.deep.include({ state: 'paused', actions: ['resume', 'kill'] });
      await act('gateway-2', 'resume');
      const { process: third } = await control.post<LocalActionResult>('/processes', { kind: 'gateway' });
      expect(third).to.include({ name: 'gateway-3', state: 'running' });
      await act('gateway-2', 'drain');
      await eventually(async () => expect((await find('gateway-2')).state).to.equal('ended'));
      await eventually(async () => {
        const { gateways } = (await controlOf(cluster.url)).page;
        expect(gateways).to.deep.equal(['gateway-1', 'gateway-3']);
      });

      await act('worker-1', 'kill');
      await returns('worker-1');
      const { process: second } = await control.post<LocalActionResult>('/processes', { kind: 'worker' });
      expect(second).to.include({ name: 'worker-2', state: 'running' });
      await act('worker-1', 'drain');
      await eventually(async () => expect((await find('worker-1')).state).to.equal('ended'));
      expect((await find('worker-2')).actions).to.deep.equal(['kill', 'pause']);
      for (const server of ['redis', 'postgres']) {
        await eventually(() => expect(waiting()).to.be.below(25));
        await act(server, 'pause');
        await eventually(() => expect(waiting()).to.be.greaterThan(25));
        await act(server, 'resume');
        await act(server, 'kill');
        await returns(server);
      }
    } finally {
      clearInterval(sending);
    }
    await Promise.all(sent.map(({ stored }) => stored));
    await eventually(() => expect(received).to.have.length(sent.length));
    expect(received).to.have.members(sent.map(({ content }) => content));
  });

  it('stops in order within 10 s while everything is paused, and leaves no process behind', async () => {
    for (const { name, actions } of await list()) if (actions.includes('pause')) await act(name, 'pause');
    expect((await list()).filter(({ state }) => state !== 'ended').every(({ state }) => state === 'paused')).to.equal(
      true,
    );
    const pids = (await list()).map(({ pid }) => pid).filter((pid) => pid > 0);
    const began = performance.now();
    cluster.child.kill('SIGTERM');
    expect(await cluster.ended).to.equal(0);
    expect(performance.now() - began).to.be.below(12_000);
    expect(cluster.output()).to.include('✔ Stopped');
    expect(pids.filter(runs)).to.deep.equal([]);
    const left = execFileSync('ps', ['-ww', '-eo', 'args='], { encoding: 'utf8' }).split('\n');
    expect(left.filter((line) => line.includes(cluster.dataDir))).to.deep.equal([]);
  });

  async function tokenOf(user: string): Promise<string> {
    return (await control.post<LocalToken>('/tokens', { userId: user })).token;
  }

  async function list(): Promise<LocalProcess[]> {
    return (await control.get<{ processes: LocalProcess[] }>('/processes')).processes;
  }

  async function find(name: string): Promise<LocalProcess> {
    const found = (await list()).find((one) => one.name === name);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  }

  async function act(name: string, action: string): Promise<LocalActionResult> {
    return control.post<LocalActionResult>(`/processes/${name}/${action}`, {});
  }

  /** Resolves when a killed process has a successor that runs. */
  async function returns(name: string): Promise<void> {
    await eventually(async () => expect((await find(name)).state).to.equal('running'));
  }
});

function connect(url: string, getToken: () => string | Promise<string>) {
  const client = createChatClient({ url, getToken: async () => getToken() });
  client.connect();
  return {
    client,
    live: () => eventually(() => expect(client.status.state).to.equal('live')),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
