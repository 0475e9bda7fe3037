import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
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

  it('is the code in README.md, except for TOKEN and URL', () => {
    const [, ownClient = ''] = read('README.md').split('\n### Your own client\n');
    const [, inReadme = ''] = /^```js\n(.*?)^```$/ms.exec(ownClient) ?? [];
    const [example = ''] = readFileSync(EXAMPLE, 'utf8').split('\n// The lines above are');
    expect(formatted(example)).to.equal(formatted(inReadme));
  });
});

function read(file: string): string {
  return readFileSync(join(repository, file), 'utf8');
}

/** The code in the format of the repository, without the values of TOKEN and api. */
function formatted(code: string): string {
  const format = ['format', '--stdin-file-path=example.mjs'];
  const { stdout } = spawnSync(join(repository, 'node_modules/.bin/biome'), format, {
    cwd: repository,
    encoding: 'utf8',
    input: code,
  });
  return stdout.replace(/^(const (?:TOKEN|api) = ).*?;/gm, '$1…;');
}
