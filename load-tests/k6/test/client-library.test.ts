import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { repository } from '@chat-cluster/local-cluster';
import { eventually, newUser, openConversation, startTestCluster, tokenFor } from '@chat-cluster/testkit';
import type * as library from '@chat-cluster/testkit/portable';
import { expect } from 'chai';
import { rolldown } from 'rolldown';
import { textSocket } from '../lib/text-socket.ts';

const FILE = join(repository, 'load-tests/k6/generated/client-library.js');
const HEAD = `// Generated from packages/testkit/src/portable.ts, which contains packages/client/src/core:
// UPDATE_K6=1 npm test -- load-tests/k6/test/client-library.test.ts
`;

describe('k6: the client library', () => {
  it('is generated from its present source', async () => {
    const code = await generated();
    if (process.env.UPDATE_K6) writeFileSync(FILE, code);
    expect(readFileSync(FILE, 'utf8') === code, `${FILE} differs: generate it with the command in it`).to.equal(true);
  });

  it('runs in an engine that has the language and timers only', async () => {
    const { LeanDevice, SocketIoConnection, socketIoUrl } = inBareEngine();
    await using cluster = await startTestCluster({ gatewayProcesses: 1 });
    const [user, peer] = [newUser('bare'), newUser('peer')];
    const conversationId = await openConversation(cluster, user, peer);
    const acked: string[] = [];
    class Device extends LeanDevice {
      override acknowledged({ clientMessageId }: library.Outgoing): void {
        acked.push(clientMessageId);
      }
    }
    const device = new Device((connection) => {
      const socket = new WebSocket(socketIoUrl(cluster.url).replace(/^http/, 'ws'));
      return new SocketIoConnection(tokenFor(cluster, user), connection, (on) => textSocket(socket, on, () => {}));
    });
    device.queue({ conversationId, clientMessageId: 'first', content: 'hello' });
    device.connect();
    await eventually(() => expect(acked).to.deep.equal(['first']));
    device.close();
  });
});

/** The library as one module for k6, which supports neither packages nor types. */
async function generated(): Promise<string> {
  const bundle = await rolldown({
    cwd: repository,
    input: 'packages/testkit/src/portable.ts',
    platform: 'neutral',
    transform: { target: 'es2022' },
    tsconfig: false,
    onLog: (level, { message }) => {
      if (level === 'warn') throw new Error(`The bundle has a warning. Correct its cause: ${message}`);
    },
  });
  const { output } = await bundle.generate({ format: 'esm', comments: false });
  await bundle.close();
  return HEAD + output[0].code;
}

/** The exports of the library in a context without the globals of Node, and without `eval`. */
function inBareEngine(): typeof library {
  const [code, names] = readFileSync(FILE, 'utf8').split(/^export (?=\{[^}]*\};\n$)/m);
  const options = { codeGeneration: { strings: false, wasm: false } };
  const context = createContext({ setTimeout, clearTimeout }, options);
  return runInContext(`'use strict';${code}(${names?.replace(';', ')')}`, context);
}
