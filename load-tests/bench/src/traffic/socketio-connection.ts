import { LeanClient } from '@chat-cluster/testkit/lean-client';
import type { Connection, ConnectionEvents, Device } from './connection.ts';

/** The payloads of `new_message` and of the `session` event of this repository's gateways. */
interface Payload {
  clientMessageId: string;
  seq?: number;
  gatewayId: string;
}

/** Connects a device of a Socket.IO arm: all of them have `send_message` and `new_message`. Rejects when refused. */
export function connectSocketIo({ url, token }: Device, acks: boolean, events: ConnectionEvents): Promise<Connection> {
  const opened = Promise.withResolvers<Connection>();
  const gatewayId = Promise.withResolvers<string>();
  let state: 'connecting' | 'connected' | 'closing' = 'connecting';
  const connection: Connection = {
    send({ conversationId, id, content }, onAck) {
      const payload = { conversationId, content, clientMessageId: id };
      if (!acks) return client.emit('send_message', payload);
      client.call('send_message', payload, ({ ok, error }: { ok: boolean; error?: { code: string } }) => {
        onAck(ok ? undefined : (error?.code ?? 'refused'));
      });
    },
    gatewayId: gatewayId.promise,
    close() {
      state = 'closing';
      client.close();
    },
  };
  const client = new LeanClient(
    { url, token },
    {
      connected() {
        state = 'connected';
        opened.resolve(connection);
      },
      event(name, payload: Payload) {
        if (name === 'new_message') events.message(payload.clientMessageId, payload.seq);
        if (name === 'session') gatewayId.resolve(payload.gatewayId);
      },
      closed(reason = 'the connection was closed') {
        if (state === 'connected') events.closed(reason);
        opened.reject(new Error(`${url}: ${reason}`));
      },
    },
  );
  return opened.promise;
}
