import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { groups } from '../src/groups/index.ts';
import { type ChatClientOptions, createChatClient } from '../src/index.ts';
import { createFakeCluster } from '../src/testing/index.ts';
import { readmeBlocks } from './readme-blocks.ts';

const EXAMPLE = join(import.meta.dirname, '../examples/first-chat.mjs');

describe('README.md', () => {
  it('shows the first example as it is in its file, like the README of the repository', () => {
    const example = readFileSync(EXAMPLE, 'utf8');
    expect(readmeBlocks('js')[0]).to.equal(example);
    const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
    const [, block] = /^## Your own client$.*?^```js\n(.*?)^```$/ms.exec(readme) ?? [];
    expect(block).to.equal(example);
  });

  it('has a first example that sends a message and receives one', async () => {
    const cluster = createFakeCluster({ time: 'platform' });
    cluster.send({ from: 'bob', to: 'alice', content: 'Hi Alice!' });
    const output: string[] = [];
    await run(readmeBlocks('js')[0] ?? '', {
      createChatClient: (options: ChatClientOptions) => createChatClient({ ...options, ...cluster.optionsOf('alice') }),
      console: {
        log: (...parts: unknown[]) => output.push(parts.join(' ')),
        error: (...parts: unknown[]) => output.push(parts.join(' ')),
      },
    });
    cluster.close();
    expect(output).to.include.members([
      'status: live',
      'unread: 1',
      '#2 alice: Hello!',
      'stored as 2',
      'status: closed',
    ]);
    expect(output.join('\n')).to.match(/^shown: (queued|sending)$/m);
  });

  it('has an example of groups that works', async () => {
    const code = readmeBlocks('ts').find((block) => block.includes('groups.create'));
    const output: string[] = [];
    const console = { log: (...parts: unknown[]) => output.push(parts.join(' ')) };
    await run(code ?? '', { createChatClient, createFakeCluster, groups, console });
    expect(output).to.deep.equal(['Lunch 3 At noon?']);
  });

  it('has an example of a test that passes', async () => {
    const code = readmeBlocks('ts').find((block) => block.includes("drop('ack:send_message')"));
    await run(code ?? '', { createChatClient, createFakeCluster });
  });
});

/** Runs a module whose imports, and other names, are `values`. */
async function run(code: string, values: Record<string, unknown>): Promise<void> {
  const body = code.replaceAll(/^import .*\n/gm, '');
  const AsyncFunction = (async () => {}).constructor as new (
    ...parts: string[]
  ) => (...args: unknown[]) => Promise<void>;
  await new AsyncFunction(...Object.keys(values), body)(...Object.values(values));
}
