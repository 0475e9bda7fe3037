import { LeanClient } from '@chat-cluster/testkit/lean-client';
import type { Connection, Device, Hearing } from './wire.ts';

interface Answer {
  ok: boolean;
  error?: { code: string };
}

/** A device of any of the Socket.IO arms: all speak the events of `send_message` and `new_message`. Rejects when refused. */
export function connectSocketIo({ url, token }: Device, acks: boolean, hearing: Hearing): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let connected = false;
    let refusal = 'the connection was closed';
    const client = new LeanClient(
      { url, token },
      {
        connected() {
          connected = true;
          resolve({
            send({ conversationId, id, content }, onAck) {
              const payload = { conversationId, content, clientMessageId: id };
              if (acks)
                client.call('send_message', payload, (answer: Answer) => {
                  onAck(answer.ok ? undefined : (answer.error?.code ?? 'refused'));
                });
              else client.emit('send_message', payload);
            },
            close: () => client.close(),
          });
        },
        refused(code) {
          refusal = code;
        },
        event(name, payload: { clientMessageId: string }) {
          if (name === 'new_message') hearing.message(payload.clientMessageId);
        },
        closed(status) {
          const why = status === undefined ? refusal : `HTTP ${status}`;
          if (connected) hearing.closed(why);
          else reject(new Error(`${url}: ${why}`));
        },
      },
    );
  });
}
