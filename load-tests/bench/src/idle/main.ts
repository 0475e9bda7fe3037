import { parseArgs } from 'node:util';
import { stopPrivateServers } from '@chat-cluster/testkit';
import { measureIdle } from './idle.ts';

/** What a connection of ours may weigh at most, of what a stock server's does: resident memory after collection. */
const TARGET = 0.75;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
try {
  const figures = await measureIdle({
    connections: Number(values.connections),
    rounds: Number(values.rounds),
    log: values.json ? () => {} : say,
  });
  if (values.json) say(JSON.stringify(figures));
  else {
    const { ours, stock, ratio } = figures;
    say(`\n${figures.connections} idle connections, bytes for each, median of ${figures.rounds} rounds\n`);
    for (const field of ['rss', 'rssCollected', 'heapUsed', 'external'] as const) {
      const [a, b] = [ours, stock].map((memory) => memory[field].toFixed(0).padStart(8));
      say(`  ${field.padEnd(14)}ours ${a}   stock ${b}   ratio ${ratio[field].toFixed(2)}`);
    }
  }
  process.exitCode = figures.ratio.rss <= TARGET && figures.ratio.rssCollected <= TARGET ? 0 : 1;
} finally {
  await stopPrivateServers();
}
