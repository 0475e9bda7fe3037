import { expect } from 'chai';
import { browserPage } from '../src/page/browser-page.ts';
import { connected, goLive } from './connected-client.ts';
import { HandMadePage } from './hand-made-page.ts';
import { settle } from './hand-made-server.ts';

describe('a client on a page', () => {
  it('closes its connection with pagehide, and connects with pageshow', async () => {
    const page = new HandMadePage();
    const setup = await connected({ page });
    page.change('hide');
    expect(setup.server.alive).to.deep.equal([]);
    expect(setup.client.status).to.include({ state: 'waiting' });
    await setup.clock.advance(120_000);
    expect(setup.server.sockets).to.have.length(1);
    page.change('show');
    await goLive(setup);
    expect(setup.server.sockets).to.have.length(2);
    await setup.client.close();
  });

  it('tries once while it is hidden, and then waits until it is visible', async () => {
    const page = new HandMadePage();
    const { client, server, clock } = await connected({ page });
    page.change('hidden');
    server.socket.lose();
    await clock.advance(2_000);
    server.socket.push('connect_error', new Error('offline'));
    await clock.advance(3_600_000);
    expect(server.sockets).to.have.length(2);
    expect(client.status.nextAttemptAt).to.equal(undefined);
    page.change('visible');
    await settle();
    expect(server.sockets).to.have.length(3);
    await client.close();
  });

  it('treats a socket as dead after more than 25 s in the background', async () => {
    const page = new HandMadePage();
    const setup = await connected({ page });
    page.change('hidden');
    await setup.clock.advance(20_000);
    page.change('visible');
    await settle();
    expect(setup.server.sockets).to.have.length(1);
    page.change('hidden');
    await setup.clock.advance(26_000);
    page.change('visible');
    await settle();
    expect([setup.server.sockets.length, setup.server.alive.length]).to.deep.equal([2, 1]);
    await setup.client.close();
  });

  it('treats a socket as dead after the device slept, but not when timers of a hidden page are late', async () => {
    const page = new HandMadePage();
    const { client, server, clock } = await connected({ page });
    page.change('hidden');
    clock.sleep(60_000);
    await clock.advance(10_000);
    expect(server.sockets).to.have.length(1);
    page.visible = true;
    clock.sleep(60_000);
    await clock.advance(10_000);
    expect([server.sockets.length, server.alive.length]).to.deep.equal([2, 1]);
    await client.close();
  });

  it('does not try while the device is offline, and connects when it is online', async () => {
    const page = new HandMadePage();
    const { client, server, clock } = await connected({ page });
    page.change('offline');
    server.socket.lose();
    await clock.advance(600_000);
    expect(server.sockets).to.have.length(1);
    page.change('online');
    await settle();
    expect(server.sockets).to.have.length(2);
    await client.close();
  });

  it('replaces the socket when the network has changed', async () => {
    const page = new HandMadePage();
    const { client, server } = await connected({ page });
    page.change('offline');
    page.change('online');
    await settle();
    expect([server.sockets.length, server.alive.length]).to.deep.equal([2, 1]);
    await client.close();
  });

  it('leaves no listener on the page', async () => {
    const page = new HandMadePage();
    const { client } = await connected({ page });
    expect(page.listeners.size).to.equal(1);
    await client.close();
    expect(page.listeners.size).to.equal(0);
  });
});

describe('the page of a browser', () => {
  it('is empty outside of one', () => {
    expect(browserPage()).to.deep.equal({});
  });

  it('translates the events of the document and the window, and forgets its listeners', () => {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    const page = browserPage({
      document,
      navigator: { onLine: false },
      addEventListener: window.addEventListener.bind(window),
      removeEventListener: window.removeEventListener.bind(window),
    });
    const changes: string[] = [];
    const end = page.listen?.((change) => changes.push(change));
    const fire = () => {
      document.dispatchEvent(new Event('visibilitychange'));
      document.visibilityState = 'hidden';
      document.dispatchEvent(new Event('visibilitychange'));
      document.dispatchEvent(new Event('resume'));
      for (const name of ['pagehide', 'pageshow', 'offline', 'online']) window.dispatchEvent(new Event(name));
    };
    fire();
    expect(changes).to.deep.equal(['visible', 'hidden', 'show', 'hide', 'show', 'offline', 'online']);
    expect([page.isVisible?.(), page.isOnline?.(), page.lock, page.channel]).to.deep.equal([
      false,
      false,
      undefined,
      undefined,
    ]);
    end?.();
    fire();
    expect(changes).to.have.length(7);
  });

  it('opens locks and channels', async () => {
    const requests: string[] = [];
    const target = new EventTarget();
    const page = browserPage({
      document: Object.assign(new EventTarget(), { visibilityState: 'visible' }),
      addEventListener: target.addEventListener.bind(target),
      removeEventListener: target.removeEventListener.bind(target),
      navigator: {
        locks: {
          request: async (name: string, _options: object, hold: () => Promise<void>) => {
            requests.push(name);
            await hold();
          },
        },
      },
      BroadcastChannel,
    });
    await page.lock?.('name', new AbortController().signal, async () => {});
    expect(requests).to.deep.equal(['name']);
    const received = new Promise((resolve) => {
      const channel = page.channel?.('a test', (message) => {
        channel?.close();
        resolve(message);
      });
    });
    const other = page.channel?.('a test', () => {});
    other?.post({ hello: 1 });
    expect(await received).to.deep.equal({ hello: 1 });
    other?.close();
  });
});
