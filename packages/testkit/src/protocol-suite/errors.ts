import type { Problem } from '@chat-cluster/contracts';
import { expect } from 'chai';
import type { Socket } from 'socket.io-client';
import { api, newUser, type TestClient } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

export function errorBehaviours({ target, device, pair }: Stage): void {
  describe('errors', () => {
    it('have a code in the ack, and the connection stays open', async () => {
      const { alice, conversationId } = await pair();
      const eve = await device(newUser('eve'));
      const error = (code: string) => ({ ok: false, error: { code, retryable: false } });
      for (const payload of [undefined, 'text', {}, { conversationId }, { conversationId: 'x', content: 'hi' }]) {
        expect(await alice.send(payload)).to.containSubset(error('VALIDATION_FAILED'));
      }
      expect(await alice.read({})).to.containSubset(error('VALIDATION_FAILED'));
      expect(await eve.send({ conversationId, content: 'hi' })).to.containSubset(error('CONVERSATION_NOT_FOUND'));
      expect(await eve.read({ conversationId })).to.containSubset(error('CONVERSATION_NOT_FOUND'));
      const unknown = await untyped(alice).timeout(10_000).emitWithAck('no_such_event', {});
      expect(unknown).to.containSubset(error('UNKNOWN_EVENT'));
      expect(await alice.send({ conversationId, content: 'still here' })).to.have.property('ok', true);
    });

    it('of an event without ack are sent as exception', async () => {
      const { alice, conversationId } = await pair();
      alice.socket.emit('send_message', { conversationId } as never);
      untyped(alice).emit('no_such_event');
      await eventually(() =>
        expect(alice.exceptions.map(({ event, error }) => [event, error.code])).to.have.deep.members([
          ['send_message', 'VALIDATION_FAILED'],
          ['no_such_event', 'UNKNOWN_EVENT'],
        ]),
      );
    });

    it('have their status code over HTTP', async () => {
      const path = '/api/messages/conversations';
      const anonymous = await api<Problem>(target(), undefined, 'GET', path);
      expect([anonymous.status, anonymous.body.error.code]).to.deep.equal([401, 'TOKEN_MISSING']);
      const invalid = await api<Problem>(target(), newUser('a'), 'GET', `${path}?limit=0`);
      expect([invalid.status, invalid.body.error.code]).to.deep.equal([400, 'VALIDATION_FAILED']);
      const nowhere = await api<Problem>(target(), newUser('a'), 'GET', '/api/nowhere');
      expect([nowhere.status, nowhere.body.error.code]).to.deep.equal([404, 'NOT_FOUND']);
    });
  });
}

/** To emit events that are not in the protocol. */
function untyped({ socket }: TestClient): Socket {
  return socket as unknown as Socket;
}
