/** An error reply that shows a state of the server, not a fault of one command. */
export interface Refusal {
  /** A part of a sentence for the log. */
  problem: string;
  /** What an operator can do. */
  remedy: string;
  /** True: the address may lead to a better server by now, so the connection must be made again. */
  isWrongServer: boolean;
}

const REPLICA: Refusal = {
  problem: 'the server is a replica and rejects writes',
  remedy: 'make the address lead to the primary; this process reconnects until it does',
  isWrongServer: true,
};
const IN_CLUSTER: Refusal = {
  problem: 'the server belongs to a Redis Cluster',
  remedy: 'use a server without cluster mode; only REDIS_PUBSUB_URL may be a Redis Cluster, with redis+cluster://',
  isWrongServer: false,
};

/** Refusals by the first words of the error reply. */
const REFUSALS: readonly (readonly [RegExp, Refusal])[] = [
  // UNBLOCKED ends a blocking command when its server becomes a replica. MASTERDOWN: a replica without its primary.
  [/^(READONLY|UNBLOCKED|MASTERDOWN)\b/, REPLICA],
  [
    /^NOREPLICAS\b/,
    {
      problem: 'the server has too few replicas (min-replicas-to-write) and rejects writes',
      remedy: 'connect its replicas, or make the address lead to the primary that has them',
      // A primary that was cut off from its replicas has this state until it is demoted.
      isWrongServer: true,
    },
  ],
  [
    /^LOADING\b/,
    { problem: 'the server is loading its data', remedy: 'wait until it is loaded', isWrongServer: false },
  ],
  [
    /^OOM\b/,
    {
      problem: 'the server is full and rejects writes',
      remedy: 'raise maxmemory, or remove what fills it; never chat:lane:*',
      isWrongServer: false,
    },
  ],
  [
    /^MISCONF\b/,
    {
      problem: 'the server cannot save its data and rejects writes',
      remedy: 'make room on its disk; its log names the cause',
      isWrongServer: false,
    },
  ],
  [
    /^(WRONGPASS|NOAUTH)\b|^ERR invalid password|without any password configured/,
    {
      problem: 'the server does not accept the user and password',
      remedy: 'correct them in the REDIS_… URL and restart the process, or restore the old password on the server',
      isWrongServer: true,
    },
  ],
  [
    /^NOPERM\b/,
    {
      problem: 'the user has too few rights on the server',
      remedy: 'give it the rights of infra/redis.acl',
      isWrongServer: false,
    },
  ],
  [
    /^ERR max number of clients/,
    { problem: 'the server accepts no further connection', remedy: 'raise its maxclients', isWrongServer: false },
  ],
  [/^(MOVED|ASK|CLUSTERDOWN|CROSSSLOT)\b/, IN_CLUSTER],
];

/** The state that an error reply shows. Undefined for any other error, such as a lost connection. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof ServerRefusal) return error.refusal;
  const text = error instanceof Error ? error.message : '';
  return REFUSALS.find(([pattern]) => pattern.test(text))?.[1];
}

/** Thrown by `requirePrimary`. */
class ServerRefusal extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.problem);
    this.refusal = refusal;
  }
}

/**
 * Rejects unless the server is a primary, and, with `standalone`, not part of a Redis Cluster. It sends HELLO, which
 * needs no right, and which a server accepts on a connection with subscriptions too. A server that names no role
 * passes: some proxies do not.
 */
export async function requirePrimary(
  client: { sendCommand(command: string[]): Promise<unknown> },
  { standalone = false } = {},
): Promise<void> {
  const { role, mode } = Object(await client.sendCommand(['HELLO'])) as { role?: unknown; mode?: unknown };
  if (role === 'replica' || role === 'slave') throw new ServerRefusal(REPLICA);
  if (standalone && mode === 'cluster') throw new ServerRefusal(IN_CLUSTER);
}
