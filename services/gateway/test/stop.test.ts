import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect, eventually, newUser, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('a gateway that stops', () => {
  it('waits neither for a client that does not answer its close frame, nor for an idle one', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 1, env: { LOG_LEVEL: 'info' } });
    const idle = await connect(cluster, newUser('idle'), { reconnection: false });
    const left = once(idle.socket as never, 'disconnect');
    const silent = connectTcp({ host: '127.0.0.1', port: cluster.port });
    silent.on('error', () => {});
    silent.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    expect(String((await once(silent, 'data'))[0])).to.match(/^HTTP\/1.1 101 /);
    silent.pause();
    process.kill(cluster.processes.find(({ name }) => name === 'gateway')?.pid ?? 0, 'SIGTERM');
    await left;
    const log = () => readFile(join(cluster.dataDir, 'logs', 'gateway.log'), 'utf8');
    await eventually(async () => expect(await log()).to.match(/"msg":"(stopped|not stopped.*)"/));
    expect(await log()).to.not.match(/not stopped/);
    silent.destroy();
    idle.close();
  });
});
