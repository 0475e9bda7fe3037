import { parseArgs } from 'node:util';
import { stopPrivateServers } from '@chat-cluster/testkit';
import { runStorm, type Spread, type StormFigures } from './storm.ts';

/** All clients back and in sync, and the 99th percentile of what bystanders notice meanwhile; milliseconds. */
const TARGETS = { inSync: 8_000, bystanders: 1_000 };

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '5000' },
    pairs: { type: 'string', default: '25' },
    rate: { type: 'string', default: '50' },
    calm: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
try {
  const figures = await runStorm({
    clients: Number(values.clients),
    pairs: Number(values.pairs),
    perSecond: Number(values.rate),
    calmSeconds: Number(values.calm),
    env: {},
    log: values.json ? () => {} : say,
  });
  if (values.json) say(JSON.stringify(figures));
  else report(figures);
  const { during } = figures.bystanders;
  const missed =
    figures.lost + figures.wrongBadges + figures.duplicates > 0 ||
    figures.inSync.max > TARGETS.inSync ||
    Math.max(during.ack.p99, during.delivery.p99) > TARGETS.bystanders;
  process.exitCode = missed ? 1 : 0;
} finally {
  await stopPrivateServers();
}

function report(figures: StormFigures): void {
  const row = (name: string, value: string | number) => say(`  ${name.padEnd(26)}${value}`);
  say('');
  row(`${figures.clients} clients in sync`, spread(figures.inSync));
  row('attempts / refused', `${figures.attempts} / ${figures.refused}`);
  row('messages to them', `${figures.sentToCrowd}, ${figures.lost} lost, ${figures.duplicates} twice`);
  row('wrong badges', figures.wrongBadges);
  row('extra syncs', figures.extraSyncs);
  for (const [phase, { messages, ack, delivery }] of Object.entries(figures.bystanders)) {
    row(`${phase}: ${messages} messages`, `ack ${spread(ack)}   delivery ${spread(delivery)}`);
  }
  row('not acknowledged', JSON.stringify(figures.notAcknowledged));
  const cpu = Object.entries(figures.cpuSeconds).map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`);
  row('CPU seconds', cpu.join(', '));
  row('gateway at most', `${figures.rssPeakMb.toFixed(0)} MB, ${figures.postgresConnections} Postgres connections`);
}

function spread({ p50, p99, max }: Spread): string {
  return `p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} max ${max.toFixed(0)} ms`;
}
