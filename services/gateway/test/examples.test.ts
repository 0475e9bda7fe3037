import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually, newUser, startTestCluster, tokenFor } from '@chat-cluster/testkit';
import { expect } from 'chai';

const EXAMPLE = join(import.meta.dirname, '../examples/first-client.mjs');

describe('the example of a client', () => {
  it('sends messages to a cluster and receives them', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 1 });
    const env = { ...process.env, URL: cluster.url, TOKEN: tokenFor(cluster, newUser('alice')) };
    const client = spawn(process.execPath, [EXAMPLE], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    client.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const closed = once(client, 'close');
    try {
      await eventually(() => {
        expect(output).to.match(/^unread: 0$/m);
        expect(output).to.match(/^new_message: \{.*?content: 'Hello!'/ms);
        expect(output).to.match(/^new_message: \{.*?content: 'Hello again!'/ms);
        expect(output).to.match(/^ack: \{.*?ok: true/ms);
      }, 10_000);
    } finally {
      client.kill();
      await closed;
    }
  });
});
