import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster } from '@chat-cluster/local-cluster';
import { cpuSeconds } from '../cpu.ts';
import { percentile } from '../statistics.ts';
import { type Outcome, runTraffic } from '../traffic.ts';
import { closePairs, connectPairs } from '../users.ts';
import { parseOptions } from './options.ts';

/**
 * How fast pairs of users can talk, on a cluster as `npm start` makes it. Resolves with the exit code: 1 when anything
 * was lost or wrong.
 */
export async function pairs(args: string[], say: (line: string) => void): Promise<number> {
  const options = parseOptions(args, say);
  if (!options) return 0;
  const dataDir = await mkdtemp(join(tmpdir(), 'chat-bench-'));
  say(`starting a cluster: ${options.gateways} gateways, ${options.workers} workers, ${options.lanes} lanes`);
  const cluster = await startCluster({
    port: 0,
    dataDir,
    gatewayProcesses: options.gateways,
    workers: options.workers,
    lanes: options.lanes,
    log: say,
    // Few users carry all the load here; the limit per connection is not what is measured.
    env: { RATE_LIMIT_PER_SECOND: '1000000', RATE_LIMIT_BURST: '1000000' },
  });
  try {
    say(`connecting ${options.pairs} pairs of users`);
    const users = await connectPairs(cluster, options.pairs);
    say(
      `${options.rate > 0 ? `${options.rate} messages a second` : `${options.inFlight} messages in flight`}, ` +
        `${options.warmUpSeconds} s warm-up, ${options.seconds} s measured`,
    );
    const before = await cpuSeconds(cluster.processes);
    const outcome = await runTraffic(users, options);
    const after = await cpuSeconds(cluster.processes);
    closePairs(users);
    report(outcome, new Map([...after].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)])));
    const wrong = outcome.lost + outcome.duplicated + outcome.reordered;
    return wrong > 0 || outcome.acked === 0 ? 1 : 0;
  } finally {
    await cluster.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

function report(outcome: Outcome, cpu: Map<string, number>): void {
  const row = (name: string, value: string) => process.stdout.write(`  ${name.padEnd(24)}${value}\n`);
  process.stdout.write(
    `\n${cpus().length} cores (${cpus()[0]?.model.trim()}), generator on the same cores, node ${process.version}\n\n`,
  );
  row('delivered to both sides', `${Math.round(outcome.delivered / outcome.seconds)} msg/s`);
  row('ack', latency(outcome.ackLatencies));
  row('delivery', latency(outcome.deliveryLatencies));
  row('sent / acknowledged', `${outcome.sent} / ${outcome.acked}`);
  row('refused', [...outcome.refused].map(([code, count]) => `${count} ${code}`).join(', ') || '0');
  row('lost', String(outcome.lost));
  row('duplicated', String(outcome.duplicated));
  row('reordered', String(outcome.reordered));
  for (const [name, seconds] of cpu)
    row(`CPU of ${name}`, `${((seconds * 1e6) / outcome.acked).toFixed(0)} µs a message`);
}

function latency(values: number[]): string {
  const at = (share: number) => percentile(values, share).toFixed(1);
  return `p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   max ${at(1)} ms`;
}
