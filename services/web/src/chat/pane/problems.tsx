import type { ChatEvents } from '@chat-cluster/client';
import { useChatClient } from '@chat-cluster/client/react';
import { useCallback, useEffect, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import classes from './pane.module.css';
import { usePaneView } from './pane-view.ts';

interface Problem {
  id: number;
  kind: 'warn' | 'info';
  text: string;
}

/** Problems shown at a time; a further one replaces the oldest. */
const SHOWN = 2;

let problems = 0;

/** Reports breaks of the history, errors of the client, and changes that were refused. The user dismisses them. */
export function Problems() {
  const client = useChatClient();
  const reported = usePaneView((view) => view.reported);
  const [shown, setShown] = useState<readonly Problem[]>([]);
  const add = useCallback((kind: Problem['kind'], text: string) => {
    problems++;
    const problem = { id: problems, kind, text };
    setShown((before) => [...before.filter((other) => other.text !== text), problem].slice(-SHOWN));
  }, []);
  useEffect(() => {
    if (reported) add('warn', reported.text);
  }, [reported, add]);
  useEffect(() => {
    const offs = [
      client.on('discontinuity', (event) => add('info', textOfBreak(event))),
      // The banner reports the connection.
      client.on('error', ({ code, message }) => {
        if (code !== 'CONNECTION_LOST' && code !== 'GET_TOKEN_FAILED') add('warn', message);
      }),
    ];
    return () => {
      for (const off of offs) off();
    };
  }, [client, add]);
  return (
    <div role="status" aria-label="Problems">
      {shown.map(({ id, kind, text }) => (
        <div key={id} className={classes.banner} data-kind={kind}>
          <Icon name={kind === 'info' ? 'gap' : 'warning'} size={16} />
          <span className={classes.bannerText}>{text}</span>
          <button
            type="button"
            aria-label="Dismiss"
            onClick={() => setShown((before) => before.filter((problem) => problem.id !== id))}
          >
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}

function textOfBreak({ reason, conversationId }: ChatEvents['discontinuity']): string {
  if (reason === 'epoch') {
    return conversationId
      ? 'The history of a conversation was restored on the server and is loaded again.'
      : 'The history was restored on the server. Everything is loaded again.';
  }
  return 'Many messages arrived while you were away. The newest are loaded; the conversation marks where others are missing.';
}
