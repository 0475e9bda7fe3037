import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import { eventually, newUser, startTestCluster, tokenFor } from '@chat-cluster/testkit';
import { expect } from 'chai';

const EXAMPLE = join(import.meta.dirname, '../examples/first-client.mjs');
const COMMANDS = join(repository, 'infra/local/bootstrap.mjs');

describe('the example of a client', () => {
  it('of the client library is run by npm run first-chat, on the Node of npm', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 1 });
    const env = { ...process.env, URL: cluster.url, TOKEN: tokenFor(cluster, newUser('alice')) };
    const { stdout } = await promisify(execFile)(process.execPath, [COMMANDS, 'first-chat'], { env });
    expect(stdout).to.match(/^status: live$.*^#1 alice[^\n]*: Hello!$.*^stored as 1$.*^status: closed$/ms);
  });

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
      });
    } finally {
      client.kill();
      await closed;
    }
  });
});
