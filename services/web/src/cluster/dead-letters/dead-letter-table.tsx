import type { DeadLetterView } from '@chat-cluster/contracts';
import { useState } from 'react';
import { visibleText } from '../../ui/visible-text.ts';
import { formatTime, NONE } from '../data/format-figures.ts';
import { messageLink } from '../data/page-route.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { UserLink } from '../parts/user-link.tsx';
import classes from './dead-letters.module.css';

interface DeadLetterTableProps {
  letters: readonly DeadLetterView[];
  selected: ReadonlySet<string>;
  maxSelected: number;
  selectable: boolean;
  onSelect: (selected: ReadonlySet<string>) => void;
}

const idOf = ({ id }: DeadLetterView) => id;

export function DeadLetterTable({ letters, selected, maxSelected, selectable, onSelect }: DeadLetterTableProps) {
  const [shown, setShown] = useState<string>();
  const now = Date.now();
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id) && next.size < maxSelected) next.add(id);
    onSelect(next);
  };
  const checkboxOf = (id: string) => (
    <input
      type="checkbox"
      checked={selected.has(id)}
      disabled={!selected.has(id) && selected.size >= maxSelected}
      onChange={() => toggle(id)}
      aria-label={`Select ${id}`}
    />
  );
  const columns: Column<DeadLetterView>[] = [
    {
      key: 'at',
      title: 'At',
      cell: ({ id, at }) => (
        <span className={classes.pick}>
          {selectable && checkboxOf(id)}
          {formatTime(at, now)}
        </span>
      ),
    },
    ...COLUMNS,
    {
      key: 'show',
      title: 'Details',
      cell: ({ id }) => <ShowButton id={id} isShown={shown === id} onShow={setShown} />,
    },
  ];
  return (
    <DataTable
      label="Dead letters"
      columns={columns}
      rows={letters}
      keyOf={idOf}
      nameOf={idOf}
      detailOf={(letter) => (letter.id === shown ? <Details letter={letter} /> : undefined)}
    />
  );
}

const COLUMNS: readonly Column<DeadLetterView>[] = [
  { key: 'kind', title: 'Kind', cell: ({ kind }) => kind },
  { key: 'lane', title: 'Lane', cell: ({ lane }) => lane ?? NONE },
  { key: 'attempts', title: 'Attempts', cell: ({ attempts }) => attempts, numeric: true },
  { key: 'reason', title: 'Reason', cell: ({ reason }) => <span className={classes.reason}>{reason}</span> },
  {
    key: 'user',
    title: 'User',
    cell: ({ userId }) => (userId === undefined ? NONE : <UserLink className={classes.user} id={userId} />),
  },
];

interface ShowButtonProps {
  id: string;
  isShown: boolean;
  onShow: (id: string | undefined) => void;
}

function ShowButton({ id, isShown, onShow }: ShowButtonProps) {
  const action = isShown ? 'Hide' : 'Show';
  return (
    <button
      type="button"
      className={classes.show}
      aria-expanded={isShown}
      aria-label={`${action} ${id}`}
      onClick={() => onShow(isShown ? undefined : id)}
    >
      {action}
    </button>
  );
}

/** All that is kept about an entry, except its content. */
function Details({ letter }: { letter: DeadLetterView }) {
  const { id, conversationId, clientMessageId, reason } = letter;
  return (
    <dl className={classes.details} aria-label={`Dead letter ${id}`}>
      <div>
        <dt>Reason</dt>
        <dd>{reason}</dd>
      </div>
      <div>
        <dt>Dead letter</dt>
        <dd className={classes.code}>{id}</dd>
      </div>
      {conversationId !== undefined && (
        <div>
          <dt>Conversation</dt>
          <dd>
            <a className={classes.code} href={messageLink(conversationId)}>
              {conversationId}
            </a>
          </dd>
        </div>
      )}
      {clientMessageId !== undefined && (
        <div>
          <dt>Client message id</dt>
          <dd className={classes.code}>
            <bdi>{visibleText(clientMessageId)}</bdi>
          </dd>
        </div>
      )}
    </dl>
  );
}
