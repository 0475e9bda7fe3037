import type { ShownMessage } from '@chat-cluster/client';
import { Icon } from '../../ui/icon.tsx';
import { SMALL_GROUP } from '../limits.ts';
import { useInfo } from '../use-info.ts';
import classes from './message.module.css';
import { type StoredMessage, useOpenConversation } from './open-conversation.ts';

const ICONS = {
  queued: 'clock',
  sending: 'clock',
  stored: 'check',
  delivered: 'checks',
  read: 'checks',
  failed: 'warning',
} as const;
const LABELS = {
  queued: 'Waiting to be sent',
  sending: 'Sending',
  stored: 'Stored',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Not sent',
} as const;

type Status = keyof typeof ICONS;

/** How far an own message has come. */
export function StatusMark({ message }: { message: ShownMessage }) {
  if (message.seq !== undefined && message.status === 'stored') return <ReceiptMark message={message} />;
  return <Mark status={message.status} />;
}

/** Of a stored message: it is on a device of each other participant, or each has read it. */
function ReceiptMark({ message: { seq } }: { message: StoredMessage }) {
  const { conversation } = useOpenConversation();
  const status = useInfo(conversation, (info): Status => {
    const others = info?.group ? info.group.memberCount - 1 : 1;
    if (others < 1 || others >= SMALL_GROUP) return 'stored';
    const { read, delivered } = conversation.receipts(seq);
    if (read.length >= others) return 'read';
    return read.length + delivered.length >= others ? 'delivered' : 'stored';
  });
  return <Mark status={status} />;
}

function Mark({ status }: { status: Status }) {
  return (
    <span className={classes.status} data-status={status} role="img" aria-label={LABELS[status]} title={LABELS[status]}>
      <Icon name={ICONS[status]} size={15} />
    </span>
  );
}
