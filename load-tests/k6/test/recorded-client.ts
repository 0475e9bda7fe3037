import type { AckError } from '../lib/acks.js';
import { SocketClient, type SocketClientOptions } from '../lib/socket-client.js';

export interface RecordedClient extends Disposable {
  client: SocketClient;
  /** Its events in order, such as `connected`, `refused TOKEN_INVALID`, `disconnected cut`, `failed 0`, `closed`. */
  log: string[];
  events: { name: string; args: unknown[] }[];
  /** Resolves with the answer or the reason why there is none. */
  call(name: string, payload: unknown): Promise<{ error: AckError | undefined; answer: unknown }>;
}

/** Connects a client of the library on Node's WebSocket, with the shortest back-off. */
export function recordedClient(
  options: Pick<SocketClientOptions, 'url'> & Partial<SocketClientOptions>,
  onEvent?: (name: string, args: unknown[], reply: (...answer: unknown[]) => void) => void,
): RecordedClient {
  const log: string[] = [];
  const events: RecordedClient['events'] = [];
  const client = new SocketClient(
    { auth: {}, openSocket: (url) => new WebSocket(url), random: () => 0, ...options },
    {
      connected: () => log.push('connected'),
      refused: ({ code }) => log.push(`refused ${code}`),
      failed: ({ attempt }) => log.push(`failed ${attempt}`),
      disconnected: (reason) => log.push(`disconnected ${reason}`),
      unreadable: (reason) => log.push(`unreadable ${reason}`),
      closed: () => log.push('closed'),
      event(name, args, reply) {
        events.push({ name, args });
        onEvent?.(name, args, reply);
      },
    },
  );
  client.connect();
  return {
    client,
    log,
    events,
    call: (name, payload) =>
      new Promise((resolve, reject) => {
        const sent = client.call(name, payload, (error, answer) => resolve({ error, answer }));
        if (!sent) reject(new Error(`${name}: not connected`));
      }),
    [Symbol.dispose]: () => client.close(),
  };
}
