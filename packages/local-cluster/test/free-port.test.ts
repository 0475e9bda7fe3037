import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { checkPort, freePort, onPort } from '../src/free-port.ts';
import { startPostgres } from '../src/postgres.ts';
import { startRedis } from '../src/redis.ts';
import { toolsFolder } from '../src/repository.ts';

const log = () => {};
const START = {
  Redis: (dataDir: string, port: number) => startRedis({ dataDir, toolsDir: toolsFolder, log, port }),
  Postgres: (dataDir: string, port: number) => startPostgres({ dataDir, durable: false, log, port }),
};

describe('a free port', () => {
  it('can be bound', async () => {
    await checkPort(await freePort());
  });

  for (const [name, start] of Object.entries(START)) {
    it(`of ${name} that another process takes first is replaced by another one`, async () => {
      await using folder = temporaryFolder();
      await using other = createServer();
      const tried: number[] = [];
      const { server, port } = await onPort(undefined, async (port) => {
        tried.push(port);
        if (!other.listening) await once(other.listen(port, '127.0.0.1'), 'listening');
        return start(folder.path, port);
      });
      await server.stop();
      expect(tried).to.deep.equal([(other.address() as AddressInfo).port, port]);
    });
  }
});

describe('a port that the user sets', () => {
  it('is named in the error when it is in use, with another one to set', async () => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const error = await checkPort(port).catch((thrown: Error) => thrown);
    await new Promise((resolve) => server.close(resolve));
    expect(error?.message).to.equal(
      `Port ${port} is in use. Stop what listens there or set PORT, e.g. PORT=${port + 1} npm start.`,
    );
    await checkPort(port);
  });
});
