import { loadavg } from 'node:os';
import { buildWeb, startCluster } from '@chat-cluster/local-cluster';
import { wholeNumber } from '@chat-cluster/runtime';
import {
  connect,
  newUser,
  openConversation,
  queryPostgres,
  type Target,
  temporaryFolder,
  tokenFor,
} from '@chat-cluster/testkit';
import { type Page, startBrowser } from '@chat-cluster/testkit/browser';
import { z } from 'zod';
import type { Log } from '../../experiment.ts';
import { openProbe, type Probe } from './page-probe.ts';

export const LONG_LIST_OPTIONS = z.object({
  messages: wholeNumber(1_000).default(100_000).describe('stored messages of the conversation, of varying height'),
  rate: wholeNumber(0).default(50).describe('incoming messages per second'),
  minutes: wholeNumber(1).default(10).describe('duration of each of the two phases'),
});
export type LongListOptions = z.output<typeof LONG_LIST_OPTIONS>;

export type Phase = Awaited<ReturnType<typeof measurePhase>>;
type PhaseName = 'at the end' | 'scrolling up';

/** A wheel of 240 px every 40 ms: 6,000 px, or some 90 messages, per second. */
const WHEEL_PX = 240;
const WHEEL_MS = 40;
/** Time before each measurement, in ms: the engine compiles the page, and the list has left its end. */
const WARM_UP_MS = 20_000;

/**
 * The chat page of a real cluster in Chromium, with one conversation. Its reader first stays at the end, then scrolls up
 * through the history, while another user writes all the time.
 */
export async function measureLongList(options: LongListOptions, log: Log): Promise<Phase[]> {
  await using undo = new AsyncDisposableStack();
  const web = await buildWeb({ log });
  const folder = undo.use(temporaryFolder());
  log('starting a cluster');
  const cluster = await startCluster({
    port: 0,
    dataDir: folder.path,
    gatewayProcesses: 1,
    workers: 1,
    lanes: 1,
    env: { WEB_DIR: web },
    durable: false,
    log,
  });
  undo.defer(() => cluster.stop());
  const [reader, writer] = [newUser('reader'), newUser('writer')];
  const conversationId = await openConversation(cluster, reader, writer);
  log(`storing ${options.messages} messages`);
  await storeHistory(cluster.databaseUrl, conversationId, writer, options.messages);
  const browser = undo.use(await startBrowser());
  const [tab] = browser.window.pages();
  if (!tab) throw new Error('The browser has no tab.');
  // A page that fails would show good frames.
  const failed = new Promise<never>((_, reject) => tab.on('pageerror', reject));
  failed.catch(() => {});
  const probe = await openConversationPage(tab, cluster, reader, writer);
  const traffic = undo.use(await startTraffic(cluster, writer, conversationId, options.rate));
  const ms = options.minutes * 60_000;
  const phases: Phase[] = [];
  for (const name of ['at the end', 'scrolling up'] as const) {
    log(`${name}: ${options.minutes} min`);
    phases.push(await Promise.race([measurePhase(name, tab, probe, traffic, ms), failed]));
  }
  return phases;
}

/** Stores messages as the worker would: texts of 1 to some 600 characters, every 40th with an image. */
async function storeHistory(url: string, conversationId: string, sender: string, count: number): Promise<void> {
  await queryPostgres(
    url,
    `insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments, created_at)
     select $1::uuid, n, gen_random_uuid(), $2, 'history-' || n,
            'Message ' || n || ': ' || repeat('some words of a message ', (n * 7919 % 25)::integer),
            case when n % 40 = 0 then '[{"url": "https://images.example.com/a.png", "type": "IMAGE"}]'::jsonb end,
            now() - make_interval(secs => ($3 - n) * 20)
     from generate_series(1, $3::integer) n`,
    [conversationId, sender, count],
  );
  await queryPostgres(url, 'update conversations set last_seq = $2 where id = $1', [conversationId, count]);
  await queryPostgres(url, 'update participants set last_read_seq = $2 where conversation_id = $1', [
    conversationId,
    count,
  ]);
}

async function openConversationPage(tab: Page, target: Target, reader: string, writer: string): Promise<Probe> {
  await tab.setViewportSize({ width: 1_280, height: 800 });
  await tab.addInitScript((token) => sessionStorage.setItem('chat-token', token), tokenFor(target, reader));
  await tab.route('https://images.example.com/**', (route) =>
    route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }),
  );
  await tab.goto(target.url);
  await tab.getByRole('navigation').getByRole('button', { name: writer }).click();
  await tab
    .getByText(/^Message \d+:/)
    .last()
    .waitFor();
  return openProbe(tab);
}

type Traffic = Awaited<ReturnType<typeof startTraffic>>;

/** Another user writes by the clock. */
async function startTraffic(target: Target, user: string, conversationId: string, rate: number) {
  const client = await connect(target, user, { transports: ['websocket'] });
  let sent = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - began) * rate) / 1_000;
    while (sent < due) {
      sent++;
      const content = `Live ${sent}: ${'some words of a message '.repeat((sent * 7_919) % 12)}`;
      client.socket.emit('send_message', { conversationId, content, clientMessageId: `live-${sent}` } as never);
    }
  }, 10);
  return {
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      client.close();
    },
  };
}

async function measurePhase(name: PhaseName, tab: Page, probe: Probe, traffic: Traffic, ms: number) {
  await tab.getByRole('log').hover();
  await useFor(name, tab, WARM_UP_MS);
  const heapBefore = await probe.heapMb();
  const sentBefore = traffic.sent();
  await probe.start();
  await useFor(name, tab, ms);
  const measured = await probe.stop();
  // Messages that arrived from the sender.
  const arrived = traffic.sent() - sentBefore;
  const heapAfter = await probe.heapMb();
  // The load average of the last minute: the frames share the cores with the servers and the sender.
  return { name, ...measured, arrived, heapBefore, heapAfter, load: loadavg()[0] ?? 0 };
}

async function useFor(name: PhaseName, tab: Page, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (name === 'scrolling up') await tab.mouse.wheel(0, -WHEEL_PX);
    await new Promise((resolve) => setTimeout(resolve, WHEEL_MS));
  }
}
