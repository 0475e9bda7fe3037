import { type FaultCluster, openConversation, startFaultCluster, tokenFor } from '@chat-cluster/testkit';
import { USERS } from './generators.ts';
import { CONVERSATION_ID, TOKEN } from './input.ts';

export const MODES = ['single', 'multi'] as const;
export type Mode = (typeof MODES)[number];

/** A cluster of real processes with two gateways. */
export interface Target extends AsyncDisposable {
  mode: Mode;
  cluster: FaultCluster;
  /** Ports that take connections: one for each gateway in single mode, one for all in multi mode. */
  ports: number[];
  /** The values of the placeholders, by index of the user. */
  users: Record<string, string>[];
}

/** Limits per address as in production: clusters of tests have none. */
const ENV = { CONNECTS_PER_SECOND_PER_ADDRESS: '200', MAX_UNAUTHENTICATED_PER_ADDRESS: '1000' };

/**
 * - `single`: two gateways of one process, each with its own port, as pods run
 * - `multi`: one gateway of two processes behind one port, as `npm start` runs
 */
export async function startTarget(mode: Mode): Promise<Target> {
  const cluster = await startFaultCluster({
    gateways: mode === 'single' ? 2 : 1,
    workers: 1,
    env: ENV,
    ...(mode === 'multi' ? { envOf: { 'gateway-1': { GATEWAY_PROCESSES: '2' } } } : {}),
  });
  try {
    const ids = Array.from({ length: USERS }, (_, i) => userId(cluster, i));
    const [first = '', second = ''] = ids;
    const entry = { url: `http://127.0.0.1:${cluster.gateways[0]?.port}`, jwtSecret: cluster.jwtSecret };
    const conversationId = await openConversation(entry, first, second);
    return {
      mode,
      cluster,
      ports: cluster.gateways.map(({ port }) => port),
      users: ids.map((id) => ({ [TOKEN]: tokenFor(cluster, id), [CONVERSATION_ID]: conversationId })),
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** An id whose token has the length of TOKEN. */
function userId(cluster: FaultCluster, index: number): string {
  for (let length = 2; length < 100; length++) {
    const id = `${index}`.padEnd(length, 'f');
    if (tokenFor(cluster, id).length === TOKEN.length) return id;
  }
  throw new Error(`no user id gives a token of ${TOKEN.length} characters: change TOKEN`);
}
