import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { isLive, sendAll, shown, textsOf, type World } from '../world.ts';

export function sessionScenarios(world: World, { drains }: { drains: boolean }): void {
  describe('tokens', () => {
    it('are replaced before they expire, and the connection stays', async () => {
      const alice = await world.live(world.user('alice'), { tokenLifetimesMs: [5_000, 3_600_000] });
      const bob = await world.live(world.user('bob'));
      const states: string[] = [];
      alice.chat.on('status', ({ state }) => states.push(state));
      await eventually(() => {
        const refreshed = alice.tap.calls.filter(({ event, ack }) => event === 'refresh_token' && ack?.ok);
        expect(refreshed).to.have.length(1);
      });
      expect(alice.tokens).to.deep.equal(['first', 'expiring']);
      await sendAll(await alice.chat.direct(bob.userId), ['still here']);
      expect(states).to.deep.equal([]);
    });

    it('that have expired are replaced, and the connection is made again', async () => {
      const alice = world.device(world.user('alice'), { tokenLifetimesMs: [3_000, 3_600_000] });
      alice.tap.lose('token_expiring', 10);
      alice.chat.connect();
      await isLive(alice);
      const toBob = await alice.chat.direct(world.user('bob'));
      await eventually(() => expect(alice.tokens.length).to.equal(2));
      await isLive(alice);
      await sendAll(toBob, ['back']);
      expect(alice.tokens[0]).to.equal('first');
      expect(alice.errors).to.deep.equal([]);
    });

    it('that are revoked stop the client, until it connects with another one', async () => {
      const alice = await world.live(world.user('alice'));
      const toBob = await alice.chat.direct(world.user('bob'));
      await world.stage.revoke(alice.userId);
      await eventually(() => expect(alice.chat.status.state).to.equal('unauthorized'));
      expect(alice.chat.status.error).to.include({ code: 'TOKEN_REVOKED', retryable: false });
      const sent = toBob.send('later');
      expect(alice.tokens).to.deep.equal(['first']);
      alice.chat.connect();
      await sent.stored;
      expect(alice.chat.status.state).to.equal('live');
    });
  });

  if (drains) {
    it('a gateway that shuts down is left in time, without an error and without a loss', async () => {
      const { alice, bob, toBob, toAlice } = await world.pair();
      const before = alice.chat.status.gatewayId as string;
      const drained = world.stage.drain?.(before);
      const sent = ['1', '2', '3'].map((text) => toBob.send(text));
      await eventually(() => {
        expect(alice.chat.status.gatewayId).not.to.equal(before);
        expect(alice.chat.status.state).to.equal('live');
      });
      await Promise.all(sent.map(({ stored }) => stored));
      await drained;
      await sendAll(toAlice, ['4']);
      await eventually(() => {
        for (const conversation of [toBob, toAlice]) expect(shown(conversation)).to.deep.equal(['1', '2', '3', '4']);
      });
      for (const device of [alice, bob]) {
        expect(textsOf(device, toBob)).to.deep.equal(['1', '2', '3', '4']);
        expect(device.errors).to.deep.equal([]);
      }
      expect(alice.chat.status.error).to.equal(undefined);
    });
  }

  describe('close', () => {
    it('ends the connection, the timers and the events; the outbox is kept', async () => {
      const { alice, toBob, toAlice } = await world.pair();
      alice.tap.reachable(false);
      const sent = toBob.send('unsent');
      await alice.chat.close();
      const events = alice.received.length;
      expect(alice.chat.status.state).to.equal('closed');
      alice.tap.reachable(true);
      await sendAll(toAlice, ['unseen']);
      expect([sent.status, alice.tap.sockets.now, alice.received.length]).to.deep.equal(['queued', 0, events]);
      expect(() => alice.chat.connect()).to.throw();
    });

    it('leaves no timer behind', async () => {
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
      const { alice, bob, toBob } = await world.pair();
      await sendAll(toBob, ['1']);
      toBob.read();
      toBob.typing(true);
      alice.chat.watch([bob.userId]);
      alice.tap.reachable(false);
      toBob.send('2');
      await world.end();
      const after = timers();
      const idle = world.device(world.user('idle'));
      await idle.chat.close();
      expect(after, 'timers after close').to.equal(timers());
    });
  });
}
