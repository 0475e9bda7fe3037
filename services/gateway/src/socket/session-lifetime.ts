import { type RefreshTokenAck, Rejection } from '@chat-cluster/contracts';
import { every, type Lifecycle } from '@chat-cluster/runtime';
import type { Authenticate } from '../authenticate.ts';
import type { Revocations } from '../revocations.ts';
import type { ChatServer } from './chat-socket.ts';
import { endSession } from './end-session.ts';
import type { Handler } from './events/dispatch.ts';

/** Time between two checks of all sockets, in ms. A check of 50,000 sockets takes about a millisecond. */
const CHECK_EVERY_MS = 1_000;
/** Time from a change of the revocations to a check, in ms: many changes at once cause one check. */
const CHECK_AFTER_CHANGE_MS = 50;

export interface SessionLifetimeDeps {
  io: ChatServer;
  authenticate: Authenticate;
  revocations: Pick<Revocations, 'isRevoked' | 'onChange'>;
  /** Time before the expiry at which `token_expiring` is emitted, in ms. */
  announceMs: number;
  lifecycle: Pick<Lifecycle, 'own'>;
}

/**
 * A socket lives as long as its token:
 *
 *   connected ──announceMs before the expiry: token_expiring──▶ expiring ──expiry──▶ closing ──▶ closed
 *       ▲                                                          │
 *       └───────────────── refresh_token: a new expiry ────────────┘
 *
 * One timer checks all sockets, since a timer for each would be memory per idle connection; the dispatcher checks the
 * expiry at each event too. After the expiry the socket receives `session_ended`, the acks of its events, and its
 * transport closes, so that a stock client reconnects. It is refused until its `auth` function returns a valid token.
 * A revoked token ends its socket at once; a stock client then stays disconnected.
 */
export class SessionLifetime {
  readonly #deps: SessionLifetimeDeps;
  #nextCheck: NodeJS.Timeout | undefined;

  constructor(deps: SessionLifetimeDeps) {
    this.#deps = deps;
    const checks = every(CHECK_EVERY_MS, () => this.#check(Date.now()));
    deps.revocations.onChange(() => {
      this.#nextCheck ??= setTimeout(() => this.#check(Date.now()), CHECK_AFTER_CHANGE_MS).unref();
    });
    deps.lifecycle.own('session lifetime', checks, (repetition) => repetition.stop());
  }

  /** Handler of `refresh_token`: replaces the token of the socket by a new one of the same user. */
  readonly refresh: Handler<'refresh_token'> = async (userId, { token }, socket): Promise<RefreshTokenAck> => {
    const identity = await this.#deps.authenticate(token);
    if (identity.userId !== userId) {
      throw new Rejection('TOKEN_INVALID', {
        message: 'The token belongs to another user. Connect again to change it.',
      });
    }
    Object.assign(socket.data, identity, { expiryAnnounced: false });
    return { ok: true, expiresInMs: Math.max(0, identity.expiresAt - Date.now()) };
  };

  #check(now: number): void {
    this.#nextCheck = undefined;
    for (const socket of this.#deps.io.of('/').sockets.values()) {
      const expiresInMs = socket.data.expiresAt - now;
      if (this.#deps.revocations.isRevoked(socket.data)) endSession(socket, 'TOKEN_REVOKED');
      else if (expiresInMs <= 0) endSession(socket, 'TOKEN_EXPIRED');
      else if (expiresInMs <= this.#deps.announceMs && !socket.data.expiryAnnounced) {
        socket.data.expiryAnnounced = true;
        socket.emit('token_expiring', { expiresInMs });
      }
    }
  }
}
