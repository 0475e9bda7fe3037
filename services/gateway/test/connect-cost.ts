/*
 * CPU that a connect costs the gateway: node services/gateway/test/connect-cost.ts [clients]
 *
 * Stock clients over websockets, one user each, 20 at a time, against one gateway process of a whole cluster. A connect
 * includes token, room, session and first badge. The figure includes the disconnect.
 */
import { readFile } from 'node:fs/promises';
import { connect, newUser, startTestCluster, stopPrivateServers } from '@chat-cluster/testkit';

const AT_A_TIME = 20;
/** Length of a clock tick in /proc, in µs: 100 ticks per second. */
const TICK = 10_000;

const total = Number(process.argv[2] ?? 2_000);
{
  const env = { CONNECTS_PER_SECOND: '100000', CONNECTS_PER_SECOND_PER_ADDRESS: '0' };
  await using cluster = await startTestCluster({ gatewayProcesses: 1, env });
  const pid = cluster.processes.find(({ name }) => name === 'gateway')?.pid;
  const connectAndClose = async (clients: number) => {
    for (let i = 0; i < clients; i += AT_A_TIME) {
      const batch = await Promise.all(
        Array.from({ length: AT_A_TIME }, () => connect(cluster, newUser('u'), { transports: ['websocket'] })),
      );
      for (const client of batch) client.close();
    }
  };
  await connectAndClose(500);
  for (let run = 1; run <= 3; run++) {
    const before = await cpuTicks(pid);
    const started = performance.now();
    await connectAndClose(total);
    const each = (((await cpuTicks(pid)) - before) * TICK) / total;
    const rate = (total / (performance.now() - started)) * 1_000;
    process.stdout.write(`run ${run}: ${each.toFixed(0)} µs of CPU per connect, at ${rate.toFixed(0)} connects/s\n`);
  }
}
await stopPrivateServers();

async function cpuTicks(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
