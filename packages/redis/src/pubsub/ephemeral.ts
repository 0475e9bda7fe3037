import type { ServerEvent, UserId } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import { roomChannel } from './channels.ts';
import { isOfProtocol2 } from './protocol-2.ts';
import type { Publisher } from './pubsub-port.ts';
import { wireOf } from './wire.ts';

const sent = new Counter({
  name: 'chat_ephemeral_published_total',
  help: 'Volatile emits published to the gateways, by event and by whether Redis accepted them',
  labelNames: ['event', 'result'],
});

/** Emits that may be lost: no sender waits for them or repeats them, and no receiver is notified of a loss. */
export interface EphemeralEmitter {
  /** Emits to every device of the user that is ready to receive. */
  emit(event: ServerEvent, to: UserId, payload: object): void;
}

export function createEphemeralEmitter(publisher: Publisher): EphemeralEmitter {
  const wire = wireOf(publisher.kind);
  return {
    emit(event, to, payload) {
      const packet = wire.packet(event, payload);
      // Gateways filter the events of protocol 2 without parsing them, so these have no flags.
      const messages = isOfProtocol2(event) ? wire.emitAll(to, [packet]) : [wire.emit(to, packet, { volatile: true })];
      for (const message of messages) {
        publisher.publish(roomChannel(to), message).then(
          () => sent.inc({ event, result: 'ok' }),
          () => sent.inc({ event, result: 'lost' }),
        );
      }
    },
  };
}
