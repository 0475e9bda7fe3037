import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { io } from 'socket.io-client';
import { newUser, tokenFor } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { ClientOptions, Stage } from './stage.ts';

export function handshakeBehaviours({ target, clients, device }: Stage): void {
  describe('handshake', () => {
    it('is followed by the session, then the badge', async () => {
      const client = await device(newUser('alice'));
      expect(client.session).to.include({ userId: client.userId, connectionId: client.socket.id });
      expect(client.session.gatewayId).to.be.a('string').that.is.not.empty;
      expect(Math.abs(Date.parse(client.session.serverTime) - Date.now())).to.be.lessThan(60_000);
      expect(client.badges).to.deep.equal([{ count: 0 }]);
    });

    it('uses the token of the query when there is none in auth', async () => {
      const [alice, bob] = [newUser('alice'), newUser('bob')];
      const query = { token: tokenFor(target(), alice) };
      expect(await attempt({ query })).to.deep.equal({ userId: alice });
      expect(await attempt({ query, auth: { token: tokenFor(target(), bob) } })).to.deep.equal({ userId: bob });
    });

    it('rejects a missing, an invalid and an expired token with a code, and closes the connection', async () => {
      const expired = jwt.sign({ sub: 'alice', exp: Math.floor(Date.now() / 1_000) - 60 }, target().jwtSecret);
      const foreign = tokenFor({ jwtSecret: 'another secret' }, 'alice');
      expect(await attempt({})).to.deep.equal({ code: 'TOKEN_MISSING' });
      expect(await attempt({ auth: { token: 'garbage' } })).to.deep.equal({ code: 'TOKEN_INVALID' });
      expect(await attempt({ auth: { token: foreign } })).to.deep.equal({ code: 'TOKEN_INVALID' });
      expect(await attempt({ auth: { token: expired } })).to.deep.equal({ code: 'TOKEN_EXPIRED' });
    });

    if (isStockClient(clients)) {
      it('starts with long-polling and upgrades to a websocket', async () => {
        for (let round = 0; round < 5; round++) {
          const { socket } = await device(newUser('poller'));
          await eventually(() => expect(socket.io.engine.transport.name).to.equal('websocket'));
        }
      });
    }
  });

  /** The outcome of one attempt of a stock client, after its connection is closed. */
  async function attempt(options: ClientOptions): Promise<{ userId: string } | { code: string }> {
    const socket = io(target().url, { forceNew: true, reconnection: false, ...clients, ...options });
    const closed = new Promise<void>((resolve) => socket.io.on('close', () => resolve()));
    const outcome = await new Promise<{ userId: string } | { code: string }>((resolve) => {
      socket.on('session', ({ userId }) => resolve({ userId }));
      socket.on('connect_error', (error) => {
        const { data } = error as { data?: { code?: string } };
        resolve({ code: data?.code ?? error.message });
      });
    });
    if ('userId' in outcome) socket.disconnect();
    await closed;
    return outcome;
  }
}

function isStockClient({ transports }: ClientOptions): boolean {
  return transports === undefined;
}
