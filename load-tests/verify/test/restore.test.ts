import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import {
  checkHistory,
  eventually,
  type FaultCluster,
  newUser,
  openConversation,
  queryPostgres,
  readDatabase,
  startFaultCluster,
  type ViolationKind,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Device, DeviceKind } from '../src/clients/device.ts';
import { LibraryDevice } from '../src/clients/library-device.ts';
import { StockDevice } from '../src/clients/stock-device.ts';

const run = promisify(execFile);

/** Time limit for everything that follows a restart of Postgres on a busy machine, in ms. */
const WITHIN_MS = 60_000;

const OF_DEVICES: ViolationKind[] = ['deviceDiffers', 'wrongBadge', 'misdelivered', 'unsent'];

describe('a database that is restored to an earlier state', () => {
  let cluster: FaultCluster;
  const devices: Device[] = [];

  beforeEach(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1, lanes: 1 });
  });
  afterEach(async () => {
    for (const device of devices.splice(0)) device.close();
    await cluster[Symbol.asyncDispose]();
  });

  async function connectDevice(kind: DeviceKind, userId: string, conversationId: string): Promise<Device> {
    const device = new (kind === 'library' ? LibraryDevice : StockDevice)({
      id: `${userId}'s device ${devices.length + 1}`,
      userId,
      conversations: [conversationId],
      target: cluster,
      now: () => performance.now(),
      random: Math.random,
    });
    devices.push(device);
    await eventually(() => expect(device.inSync).to.equal(true), WITHIN_MS);
    return device;
  }

  async function send(device: Device, conversationId: string, texts: readonly string[]): Promise<void> {
    for (const content of texts) {
      const clientMessageId = crypto.randomUUID();
      await eventually(async () => {
        const outcome = await device.send({ conversationId, clientMessageId, content });
        expect(outcome.kind, JSON.stringify(outcome)).to.equal('acked');
      }, WITHIN_MS);
    }
  }

  /** Stops Postgres, runs `work` on the folder of its data, and starts it again. */
  async function offline(work: (data: string) => Promise<unknown>): Promise<void> {
    const [row] = await queryPostgres(cluster.postgres.url, 'show data_directory');
    await cluster.postgres.kill('SIGINT');
    await work(String(row?.data_directory));
    await cluster.postgres.start();
  }

  const back = (data: string) => run('cp', ['-a', data, `${data}.kept`]);
  const restore = async (data: string) => {
    await run('rm', ['-r', data]);
    await run('mv', [`${data}.kept`, data]);
  };

  /**
   * A device that holds the numbers 1 to 8, a database that has 1 to 4 and assigns the others again, and a second user.
   * `beforeRestore` runs between the last message and the restore.
   */
  async function restoredBehind(
    kind: DeviceKind,
    beforeRestore = async () => {},
  ): Promise<{ bob: string; conversationId: string }> {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const conversationId = await openConversation(cluster, alice, bob);
    const holder = await connectDevice(kind, alice, conversationId);
    await send(holder, conversationId, ['1', '2', '3', '4']);
    await offline(back);
    await send(holder, conversationId, ['lost 5', 'lost 6', 'lost 7', 'lost 8']);
    await eventually(() => expect(holder.receivedUpTo(conversationId)).to.equal(8));
    await beforeRestore();
    await offline(restore);
    return { bob, conversationId };
  }

  async function nextBeat(): Promise<void> {
    const beats = async () =>
      Number((await queryPostgres(cluster.postgres.url, 'select beats from store_epoch'))[0]?.beats);
    const before = await beats();
    await eventually(async () => expect(await beats()).to.be.greaterThan(before), WITHIN_MS);
  }

  /** Both devices show what the database holds, under the numbers of the database. */
  async function expectConvergence(conversationId: string): Promise<void> {
    await eventually(async () => {
      const restarts = devices[0]?.history.events.filter(({ kind }) => kind === 'restarted') ?? [];
      expect(restarts, 'the device with the higher numbers starts anew').to.not.have.length(0);
      for (const device of devices) expect(device.inSync, device.history.id).to.equal(true);
    }, WITHIN_MS);
    for (const device of devices) await device.finalSync();
    const database = await readDatabase(cluster.db, [conversationId]);
    const histories = devices.map(({ history }) => history);
    const empty = { sends: [], reads: [], exits: [], unsettled: [] };
    // A badge may be under way when the last sync ends.
    await eventually(() => {
      const { violations } = checkHistory({ ...empty, devices: histories, database });
      const ofDevices = violations.filter(({ kind }) => OF_DEVICES.includes(kind));
      expect(ofDevices).to.deep.equal([]);
    });
    expect(database.messages.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4, 5, 6]);
  }

  it('reaches devices that hold higher numbers when the operator renews the epoch', async () => {
    const { bob, conversationId } = await restoredBehind('library');
    const env = { ...process.env, DATABASE_URL: cluster.postgres.url, REDIS_URL: cluster.redis.url };
    const command = join(repository, 'services/worker/src/commands/renew-epoch.ts');
    const { stdout } = await run(process.execPath, [command, 'now'], { env });
    expect(stdout).to.match(/^The epoch is [0-9a-f-]{36}; it was [0-9a-f-]{36}\.\n$/);
    const writer = await connectDevice('stock', bob, conversationId);
    await send(writer, conversationId, ['new 5', 'new 6']);
    await expectConvergence(conversationId);
  });

  it('reaches them without an operator too, because a gateway finds that its beats are gone', async () => {
    const { bob, conversationId } = await restoredBehind('stock', nextBeat);
    const writer = await connectDevice('library', bob, conversationId);
    await send(writer, conversationId, ['new 5', 'new 6']);
    await expectConvergence(conversationId);
  });
});
