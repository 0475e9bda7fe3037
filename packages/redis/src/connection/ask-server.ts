import { createClient, ErrorReply } from 'redis';
import { connectProblem } from './connect-problem.ts';

/** Sends one command over a connection of its own. Rejects when there is no answer within `ms` milliseconds. */
export async function askServer(url: string, command: string[], ms: number): Promise<unknown> {
  const client = createClient({
    url,
    socket: { connectTimeout: ms, socketTimeout: ms, reconnectStrategy: false },
    maintNotifications: 'disabled',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await client.sendCommand(command);
  } catch (error) {
    if (error instanceof ErrorReply) throw error;
    throw new Error(connectProblem(error, { tls: url.startsWith('rediss') }).reason, { cause: error });
  } finally {
    client.destroy();
  }
}

/** Asks servers one after the other and returns the first answer. Throws `problem` with all reasons if none answers. */
export async function firstAnswer<T>(
  problem: string,
  servers: readonly { address: string; ask(): Promise<T> }[],
): Promise<T> {
  const reasons: string[] = [];
  for (const { address, ask } of servers) {
    try {
      return await ask();
    } catch (error) {
      reasons.push(`${address} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`${problem}: ${reasons.join('; ')}`);
}
