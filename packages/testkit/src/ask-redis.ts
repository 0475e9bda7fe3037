/**
 * Sends one command to the Redis at `url`, over its own connection, and resolves with the reply. Rejects with an error
 * reply, and when there is no reply within 5 s.
 */
export async function askRedis(url: string, ...command: string[]): Promise<unknown> {
  // Loaded on demand: it would add 0.1 s to the start of every test process.
  const { askServer } = await import('@chat-cluster/redis');
  return askServer(url, command, 5_000);
}
