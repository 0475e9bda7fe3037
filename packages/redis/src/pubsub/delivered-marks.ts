import type { DeliveredMark, MessagesDelivered, UserId } from '@chat-cluster/contracts';
import type { EphemeralEmitter } from './ephemeral.ts';

/** Time in which marks collect, in ms. */
const COLLECT_MS = 250;
/** Marks that wait, each for up to 31 users; with more, all are published at once. */
const MAX_WAITING = 1_000;

interface Waiting {
  to: readonly UserId[];
  mark: DeliveredMark;
}

/** Emits delivered marks. Those of the last moment may be lost when the process ends: the next sync has them. */
export interface DeliveredMarks {
  /** Emits the mark to every device of these users. A newer mark of the same user replaces one that waits. */
  emit(to: readonly UserId[], mark: DeliveredMark): void;
}

/**
 * The devices of a group report a message within the same second. The marks of a moment reach each member in one event,
 * so 32 members cause 32 events per gateway, and not 32 × 31.
 */
export function createDeliveredMarks(ephemeral: EphemeralEmitter): DeliveredMarks {
  const waiting = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | undefined;
  const publish = () => {
    clearTimeout(timer);
    timer = undefined;
    const byUser = Map.groupBy(
      [...waiting.values()].flatMap(({ to, mark }) => to.map((userId) => ({ userId, mark }))),
      ({ userId }) => userId,
    );
    waiting.clear();
    for (const [userId, own] of byUser) {
      const payload: MessagesDelivered = { marks: own.map(({ mark }) => mark) };
      ephemeral.emit('messages_delivered', userId, payload);
    }
  };
  return {
    emit(to, mark) {
      if (to.length === 0) return;
      waiting.set(`${mark.conversationId} ${mark.userId}`, { to, mark });
      if (waiting.size >= MAX_WAITING) publish();
      else timer ??= setTimeout(publish, COLLECT_MS).unref();
    },
  };
}
