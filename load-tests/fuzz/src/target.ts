import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import {
  connect,
  eventually,
  type FaultCluster,
  openConversation,
  startFaultCluster,
  temporaryFolder,
  tokenFor,
} from '@chat-cluster/testkit';
import { memoryProbe } from '@chat-cluster/testkit/processes';
import { USERS } from './generators.ts';
import { CONVERSATION_ID, OTHER_USER_ID, PARTICIPANT, TOKEN } from './input.ts';

export const MODES = ['single', 'multi'] as const;
export type Mode = (typeof MODES)[number];

/** A cluster of real processes with two gateways. */
export type Target = Awaited<ReturnType<typeof startTarget>>;

/** Messages of the history: an answer to `sync` holds about 50 of them. */
const HISTORY = 60;
/** Characters of the longest text of a message. */
const LONGEST = 10_000;

/**
 * Limits per address as in production: clusters of tests have none. By default an idle connection may last longer than a
 * run, so that its end would not be seen.
 */
const ENV = {
  CONNECTS_PER_SECOND_PER_ADDRESS: '200',
  MAX_UNAUTHENTICATED_PER_ADDRESS: '1000',
  HTTP_KEEP_ALIVE_MS: '30000',
};

/**
 * - `single`: two gateways of one process, each with its own port, as pods run
 * - `multi`: one gateway of two processes behind one port, as `npm start` runs
 */
export async function startTarget(mode: Mode) {
  await using undo = new AsyncDisposableStack();
  const { path: probes } = undo.use(temporaryFolder());
  const gateway = {
    ...memoryProbe(probes, podOptions()),
    GATEWAY_PROCESSES: mode === 'multi' ? '2' : '1',
  };
  const cluster = undo.use(
    await startFaultCluster({
      gateways: mode === 'single' ? 2 : 1,
      workers: 1,
      env: ENV,
      envOf: { 'gateway-1': gateway, 'gateway-2': gateway },
    }),
  );
  const ids = Array.from({ length: USERS }, (_, i) => userId(cluster, i));
  const first = ids[PARTICIPANT] ?? '';
  const second = ids[PARTICIPANT + 1] ?? '';
  const entry = { url: `http://127.0.0.1:${cluster.gateways[0]?.port}`, jwtSecret: cluster.jwtSecret };
  const conversationId = await openConversation(entry, first, second);
  await writeHistory(entry, first, conversationId);
  const parts = undo.move();
  return {
    mode,
    cluster,
    /** Ports that take connections: one for each gateway in single mode, one for all in multi mode. */
    ports: cluster.gateways.map(({ port }) => port),
    /** The values of the placeholders, by index of the user. */
    users: ids.map((id): Record<string, string> => {
      return { [TOKEN]: tokenFor(cluster, id), [CONVERSATION_ID]: conversationId, [OTHER_USER_ID]: second };
    }),
    /** Folder in which the gateways write their memory, see `collectedMemory`. */
    probes,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Options of Node in the pods of gateways. */
function podOptions(): string {
  const file = join(repository, 'k8s/base/gateway.yaml');
  const [, options] = /NODE_OPTIONS\s+value: (.*)/.exec(readFileSync(file, 'utf8')) ?? [];
  if (options === undefined) throw new Error(`${file} has no NODE_OPTIONS`);
  return options;
}

/**
 * Messages of the longest text, in characters that need three bytes each on the wire, so that answers are large. A machine
 * that starts two clusters at once may respond with TIMEOUT; a repetition stores no message twice.
 */
async function writeHistory(
  entry: Parameters<typeof connect>[0],
  userId: string,
  conversationId: string,
): Promise<void> {
  const client = await connect(entry, userId, { transports: ['websocket'] });
  const content = '\u4e2d'.repeat(LONGEST);
  for (let i = 0; i < HISTORY; i++) {
    await eventually(async () => {
      const ack = await client.send({ conversationId, content, clientMessageId: `history-${i}` });
      if (!ack.ok) throw new Error(`a message of the history was refused: ${ack.error.code}`);
    });
  }
  client.close();
}

/** An id whose token has the length of TOKEN. */
function userId(cluster: FaultCluster, index: number): string {
  for (let length = 2; length < 100; length++) {
    const id = `${index}`.padEnd(length, 'f');
    if (tokenFor(cluster, id).length === TOKEN.length) return id;
  }
  throw new Error(`no user id gives a token of ${TOKEN.length} characters: change TOKEN`);
}
