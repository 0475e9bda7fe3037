import { createChatClient } from '../src/index.ts';
import type { ChatClient, ChatClientOptions, ChatEvent, ChatEvents } from '../src/types.ts';
import { HandMadeServer, settle, synced } from './hand-made-server.ts';
import { ManualClock } from './manual-clock.ts';

export interface Setup {
  client: ChatClient;
  server: HandMadeServer;
  clock: ManualClock;
  /** Every event so far. */
  events: { [E in ChatEvent]: ChatEvents[E][] };
}

const NAMES: ChatEvent[] = [
  'status',
  'message',
  'conversation',
  'badge',
  'read',
  'typing',
  'presence',
  'outbox',
  'discontinuity',
  'error',
];

/** A client with a hand-made server and clock, that is not connected. */
export function setUp(
  options: Partial<ChatClientOptions> = {},
  given: { server?: HandMadeServer; clock?: ManualClock } = {},
): Setup {
  const { server = new HandMadeServer(), clock = new ManualClock() } = given;
  const client = createChatClient({
    url: 'https://chat.example.com',
    getToken: () => 'token',
    socket: server.open,
    fetch: server.fetch,
    clock,
    page: {},
    ...options,
  });
  const events = Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as Setup['events'];
  for (const name of NAMES) client.on(name, (value) => (events[name] as unknown[]).push(value));
  return { client, server, clock, events };
}

/** Accepts the connection under way, and answers its syncs with nothing new until the client is live. */
export async function goLive({ client, server, clock }: Setup, session: object = {}): Promise<void> {
  client.connect();
  await settle();
  server.socket.accept(session);
  for (let i = 0; i < 20 && client.status.state !== 'live'; i++) {
    await clock.advance(0);
    await settle();
    if (server.socket.has('sync')) server.socket.take('sync').answer(synced());
  }
  if (client.status.state !== 'live') throw new Error(`the client is ${client.status.state}`);
}

/** A connected client. */
export async function connected(
  options: Partial<ChatClientOptions> = {},
  given?: Parameters<typeof setUp>[1],
): Promise<Setup> {
  const setup = setUp(options, given);
  await goLive(setup);
  return setup;
}
