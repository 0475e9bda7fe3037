import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConversationId, MarkDelivered, Message, SyncAck } from '@chat-cluster/contracts';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Server, type Socket } from 'socket.io';
import { ConversationChecker } from '../src/conversation-checker.ts';
import { failures } from '../src/counts.ts';
import { Device } from '../src/device.ts';
import { Meter } from '../src/meter.ts';

const ID = '01926b3a-7c11-7d3e-9f52-000000000001' as ConversationId;

type Send = { clientMessageId: string };
type Ack = (answer: object) => void;

/** A device of ann, who writes to bob, and a server that the test controls. */
class Stage {
  readonly meter = new Meter();
  readonly checker = new ConversationChecker(ID, ['ann', 'bob'], 'run', this.meter);
  /** The history of the conversation. */
  stored: Message[] = [];
  epoch = 'e1';
  /** Number of the last change. */
  rev = 0;
  /** Members, of a group. */
  memberCount: number | undefined;
  /** The delivered mark of ann. */
  deliveredMark = 0;
  /** Requests `mark_delivered`. */
  readonly reports: MarkDelivered['conversations'][] = [];
  /** `afterRev` of each request for the conversation. */
  readonly afterRevs: number[] = [];
  /** Ids of the attempts to send, in their order. */
  readonly attempts: string[] = [];
  /** Responds to an attempt to send. Default: stores it and acknowledges it. */
  onSend = (send: Send, ack: Ack): void => ack({ ok: true, duplicate: false, message: this.store(send) });
  device!: Device;
  socket!: Socket;
  #io = new Server();

  async start(resend: boolean, withGroups = true): Promise<void> {
    const http = createServer();
    this.#io.attach(http);
    this.#io.on('connection', (socket) => this.#serve(socket));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.device = new Device(
      { userId: 'ann', token: 't' },
      { url, tls: undefined, meter: this.meter, content: 'x', resend, withGroups },
    );
    this.device.join({ checker: this.checker, side: 0 });
    await this.device.whenConnected(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.device.close();
    await this.#io.close();
  }

  send(count = 1): void {
    for (let i = 0; i < count; i++) this.device.send({ checker: this.checker, side: 0 }, performance.now());
  }

  store({ clientMessageId }: Send, senderId = 'ann'): Message {
    const createdAt = '2026-01-01T12:00:00.000Z';
    const message = { conversationId: ID, seq: this.stored.length + 1, senderId, clientMessageId, createdAt };
    this.stored.push(message as Message);
    return message as Message;
  }

  #serve(socket: Socket): void {
    this.socket = socket;
    socket.on('sync', (request, ack: Ack) => {
      const [asked] = request.conversations;
      if (asked) this.afterRevs.push(asked.afterRev);
      ack(this.#synced(asked?.afterSeq));
    });
    socket.on('send_message', (send: Send, ack: Ack) => {
      this.attempts.push(send.clientMessageId);
      this.onSend(send, ack);
    });
    socket.on('mark_delivered', ({ conversations }: MarkDelivered, ack: Ack) => {
      this.reports.push(conversations);
      this.deliveredMark = conversations[0]?.upToSeq ?? 0;
      ack({ ok: true });
    });
    socket.on('edit_message', ({ seq }: { seq: number }, ack: Ack) =>
      ack({ ok: true, message: { seq, rev: this.rev } }),
    );
    socket.emit('session', { userId: 'ann', gatewayId: 'g', epoch: this.epoch });
  }

  #synced(afterSeq: number | undefined): Partial<SyncAck> {
    const messages = this.stored.filter(({ seq }) => afterSeq !== undefined && seq > afterSeq);
    const deliveredMarks = [{ userId: 'ann', upToSeq: this.deliveredMark }];
    const marks = {
      readMarks: [],
      deliveredMarks,
      ...(this.memberCount && { group: { memberCount: this.memberCount } }),
    };
    const part = { id: ID, messages, lastSeq: this.stored.length, hasMore: false, lastRev: this.rev, ...marks };
    const conversations = afterSeq === undefined ? [] : [part];
    const feed = { conversations: [], since: 's', hasMore: false };
    const unread = { count: 0, conversations: [] };
    return { ok: true, epoch: this.epoch, conversations, notFound: [], hasMore: false, unread, feed } as object;
  }
}

function refusal(code: string): object {
  return { ok: false, error: { code, message: code, retryable: true, retryAfterMs: 5 } };
}

describe('load: a device', () => {
  it('resends refused messages in their order under the same ids, and counts each refusal', async () => {
    await using stage = new Stage();
    await stage.start(true);
    const accept = stage.onSend;
    let refusals = 0;
    stage.onSend = (payload, ack) => (++refusals <= 3 ? ack(refusal('OVERLOADED')) : accept(payload, ack));
    stage.send(3);
    await eventually(() => expect(stage.meter.counts.acked).to.equal(3));
    expect(stage.attempts.slice(-3)).to.deep.equal(['run.0', 'run.1', 'run.2']);
    expect(stage.meter.counts.refused).to.deep.equal({ OVERLOADED: 3 });
    expect(stage.meter.counts).to.include({ givenUp: 0, outOfOrder: 0 });
    expect(stage.meter.inFlight).to.equal(0);
  });

  it('gives up refused messages with --no-resend, and goes on with the next one', async () => {
    await using stage = new Stage();
    await stage.start(false);
    const accept = stage.onSend;
    stage.onSend = ({ clientMessageId }, ack) => ack(refusal(clientMessageId === 'run.0' ? 'OVERLOADED' : 'TIMEOUT'));
    stage.send(2);
    await eventually(() => expect(stage.meter.counts.givenUp).to.equal(2));
    stage.onSend = accept;
    stage.send();
    await eventually(() => expect(stage.meter.counts.acked).to.equal(1));
    expect(stage.attempts).to.deep.equal(['run.0', 'run.1', 'run.2']);
    // OVERLOADED means: not stored. After TIMEOUT a message may be stored.
    for (const clientMessageId of ['run.0', 'run.1'])
      stage.socket.emit('new_message', stage.store({ clientMessageId }));
    await eventually(() => expect(stage.checker.participant(0).upTo).to.equal(3));
    expect(stage.meter.counts).to.include({ unexpected: 1, duplicated: 0 });
  });

  it('measures each message until its ack, also when its event comes first', async () => {
    await using stage = new Stage();
    await stage.start(true);
    let acknowledge = () => {};
    stage.onSend = (send, ack) => {
      const message = stage.store(send);
      acknowledge = () => ack({ ok: true, duplicate: false, message });
      stage.socket.emit('new_message', message);
    };
    stage.send();
    await eventually(() => expect(stage.checker.participant(0).upTo).to.equal(1));
    expect([stage.meter.inFlight, stage.meter.counts.acked]).to.deep.equal([1, 0]);
    acknowledge();
    await eventually(() => expect([stage.meter.inFlight, stage.meter.counts.acked]).to.deep.equal([0, 1]));
  });

  it('finds by sync what no event has brought, and counts it; without groups by the base protocol', async () => {
    await using stage = new Stage();
    await stage.start(true, false);
    expect(stage.socket.handshake.auth).to.not.have.property('protocol');
    stage.store({ clientMessageId: 'of another run' }, 'bob');
    stage.device.sync();
    await stage.device.whenReady();
    expect(stage.checker.participant(0)).to.include({ base: 0, upTo: 1, lastSeq: 1 });
    expect(stage.meter.counts).to.include({ foreign: 1, syncs: 2 });
    expect(stage.checker.unreadOf(0)).to.equal(1);
  });

  it('counts changes by ack, event and sync, and syncs when the number of one is missing', async () => {
    await using stage = new Stage();
    await stage.start(true);
    expect(stage.socket.handshake.auth).to.include({ protocol: 2 });
    stage.send();
    await eventually(() => expect(stage.meter.counts.acked).to.equal(1));
    stage.rev = 1;
    stage.device.change({ checker: stage.checker, side: 0 }, 'edit_message', 1, { content: 'y' });
    await eventually(() => expect(stage.meter.counts.changes).to.equal(1));
    expect(stage.checker.changes.missing(stage.checker.participant(0))).to.equal(1);
    const change = (rev: number) => stage.socket.emit('message_changed', { conversationId: ID, seq: 1, rev });
    change(1);
    await eventually(() => expect(stage.checker.participant(0).rev).to.equal(1));
    stage.rev = 3;
    change(3);
    await eventually(() => expect(stage.checker.participant(0)).to.deep.include({ rev: 3, laterRevs: [] }));
    expect(stage.afterRevs.at(-1)).to.equal(1);
    expect(stage.meter.counts).to.include({ changes: 1, changesDelivered: 3, bySync: 1 });
  });

  it('reports which messages of others it has, and finds a report that the store has lost', async () => {
    await using stage = new Stage();
    await stage.start(true);
    const receive = (clientMessageId: string, senderId = 'bob') =>
      stage.socket.emit('new_message', stage.store({ clientMessageId }, senderId));
    for (const id of ['of another run 1', 'of another run 2']) receive(id);
    receive('of another run 3', 'ann');
    await eventually(() => expect(stage.meter.counts.deliveredMarks).to.equal(1));
    expect(stage.reports).to.deep.equal([[{ id: ID, upToSeq: 2 }]]);
    stage.socket.emit('messages_delivered', { marks: [{ conversationId: ID, userId: 'bob', upToSeq: 3 }] });
    await eventually(() => expect(stage.meter.counts.marksReceived).to.equal(1));
    const lostBy = async (deliveredMark: number) => {
      stage.deliveredMark = deliveredMark;
      stage.device.sync();
      await stage.device.whenReady();
      const before = stage.meter.counts.lost;
      stage.checker.finish([true, false]);
      return stage.meter.counts.lost - before;
    };
    expect([await lostBy(2), await lostBy(1)]).to.deep.equal([0, 1]);
    // A read mark implies it.
    stage.checker.markRead(0, 2);
    expect(await lostBy(1)).to.equal(0);
  });

  it('reports nothing of the history that a restore has replaced', async () => {
    await using stage = new Stage();
    stage.store({ clientMessageId: 'of another run 1' }, 'bob');
    await stage.start(true);
    stage.socket.emit('new_message', stage.store({ clientMessageId: 'of another run 2' }, 'bob'));
    await eventually(() => expect(stage.checker.participant(0).upTo).to.equal(2));
    let due: (() => void) | undefined;
    const after = (_ms: number, run: () => void) => {
      due = run;
      return () => {};
    };
    Object.assign(stage.device, { clock: { ...stage.device.clock, after } });
    stage.epoch = 'e2';
    stage.stored.pop();
    stage.device.drop();
    await eventually(() => expect(stage.meter.counts.reconnects).to.equal(1));
    await stage.device.whenReady();
    const before = stage.reports.length;
    due?.();
    await eventually(() => expect(stage.reports.slice(before)).to.deep.equal([[{ id: ID, upToSeq: 1 }]]));
  });

  it('reports nothing of a group of more than 32 members, also when it loads the whole group', async () => {
    await using stage = new Stage();
    stage.memberCount = 33;
    await stage.start(true);
    const timers: number[] = [];
    const after = (ms: number) => timers.push(ms) && (() => {});
    Object.assign(stage.device, { clock: { ...stage.device.clock, after } });
    stage.store({ clientMessageId: 'of another run 1' }, 'bob');
    stage.epoch = 'e2';
    stage.device.drop();
    await eventually(() => expect(stage.meter.counts.reconnects).to.equal(1));
    await stage.device.whenReady();
    expect([stage.checker.participant(0).upTo, timers]).to.deep.equal([1, []]);
    stage.memberCount = 32;
    stage.device.sync();
    await stage.device.whenReady();
    stage.socket.emit('new_message', stage.store({ clientMessageId: 'of another run 2' }, 'bob'));
    await eventually(() => expect(timers).to.deep.equal([1_000]));
  });

  it('loads the whole conversation anew after a restore', async () => {
    await using stage = new Stage();
    stage.store({ clientMessageId: 'of another run' });
    await stage.start(true);
    stage.send(2);
    await eventually(() => expect(stage.meter.counts.acked).to.equal(2));
    expect(stage.checker.participant(0)).to.include({ base: 1, upTo: 3 });
    stage.epoch = 'e2';
    stage.stored.pop();
    stage.device.drop();
    await eventually(() => expect(stage.meter.counts.reconnects).to.equal(1));
    await stage.device.whenReady();
    expect(stage.checker.participant(0)).to.include({ base: 0, upTo: 2, lastSeq: 2 });
    expect(failures(stage.meter.counts)).to.equal(0);
    // The store has lost the second message.
    stage.checker.finish([true, false]);
    expect(stage.meter.counts).to.include({ lost: 1, gaps: 0 });
  });
});
