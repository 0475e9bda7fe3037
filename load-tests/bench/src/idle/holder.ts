/*
 * Holds idle connections, in a process of its own: `{port, secret, count}` as JSON in argv. Says over IPC when all of
 * them are there ({type: 'held'}), and ends with the channel.
 */
import { signToken } from '@chat-cluster/local-cluster';
import { LeanClient } from '@chat-cluster/testkit/lean-client';

const { port, secret, count } = JSON.parse(process.argv[2] ?? '{}') as { port: number; secret: string; count: number };

/** So many connect at a time, so that neither server has a storm to remember. */
const AT_ONCE = 50;
/** After the answer to the connect: the badge of our gateway. */
const users = Array.from({ length: count }, (_, i) => `idle-${i}`);
const lanes = Array.from({ length: AT_ONCE }, async () => {
  for (let user = users.pop(); user !== undefined; user = users.pop()) await hold(user);
});
process.on('disconnect', () => process.exit());
await Promise.all(lanes);
process.send?.({ type: 'held' });

/** Resolves when the server has let the user in. */
function hold(user: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const at = { url: `http://127.0.0.1:${port}`, token: signToken(user, secret) };
    new LeanClient(at, {
      connected: resolve,
      event() {},
      closed: (status) => reject(new Error(`the connection of ${user} ended, ${status ?? 'without an answer'}`)),
    });
  });
}
