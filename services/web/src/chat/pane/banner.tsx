import { useChatStatus } from '@chat-cluster/client/react';
import { Icon } from '../../ui/icon.tsx';
import { useSession } from '../session/session-context.ts';
import { useNow, useOnline } from '../use-page.ts';
import { noticeOf } from './notice.ts';
import classes from './pane.module.css';

/** A notice about the connection. It is empty while the connection works, and in the first seconds of an outage. */
export function Banner({ onSignIn }: { onSignIn?: (() => void) | undefined }) {
  const status = useChatStatus();
  const isOnline = useOnline();
  const session = useSession();
  const now = useNow(status.state === 'live' || status.state === 'closed' ? undefined : 500);
  const notice = noticeOf(status, isOnline, now);
  return (
    <div role="status" aria-label="Connection">
      {notice && (
        <div className={classes.banner} data-kind={notice.kind}>
          <Icon name={notice.kind === 'info' ? 'refresh' : 'warning'} size={16} />
          <span className={classes.bannerText}>{notice.text}</span>
          {notice.action === 'retry' && (
            <button type="button" onClick={() => session.retry()}>
              Try now
            </button>
          )}
          {notice.action === 'sign-in' && (
            <>
              <button type="button" onClick={() => session.retry()}>
                Try again
              </button>
              {onSignIn && (
                <button type="button" onClick={onSignIn}>
                  Sign in
                </button>
              )}
            </>
          )}
        </div>
      )}
    </div>
  );
}
