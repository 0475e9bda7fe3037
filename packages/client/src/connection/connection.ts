import type { ErrorPayload, RefreshTokenAck, ServerDraining, Session } from '@chat-cluster/contracts';
import { backOffMs, type Clock, type Wire } from '../core/seams.ts';
import { textOf } from '../errors.ts';
import type { ChatError, ChatSocket, ChatStatus, OpenSocket } from '../types.ts';
import { SERVER_EVENTS } from '../wire.ts';
import type { Tokens } from './tokens.ts';

export interface ConnectionDeps {
  url: string;
  openSocket: OpenSocket;
  tokens: Tokens;
  clock: Clock;
  /** Runs the work of a callback as one batch. */
  batch(work: () => void): void;
  /** False while the page is hidden or offline: then the client waits, instead of trying in a loop. */
  mayRetry(failures: number): boolean;
  /** Resolves when the state of the store is loaded. */
  ready(): Promise<void>;
}

export interface ConnectionOwner {
  /** A connection has its session. The owner calls `live` when everything that was missed is here. */
  opened(wire: Wire, session: Session): void;
  event(name: string, payload: unknown): void;
  /** The open connection has ended. */
  lost(): void;
  statusChanged(status: ChatStatus): void;
}

/** Time from the start of an attempt to `session`, in ms. */
const ATTEMPT_MS = 20_000;
/** Back-off: any time up to the first figure, doubling up to the second; in ms. */
const BACK_OFF = { firstMs: 1_000, longestMs: 30_000 };
/** A connection that lasted this long ends a series of failures, in ms. */
const STABLE_MS = 10_000;
/** Refused tokens, and failures of `getToken`, after which the client stops. */
const MAX_REFUSALS = 3;
const MAX_TOKEN_FAILURES = 5;
/** Pause before another attempt to refresh a token, in ms. */
const REFRESH_PAUSE_MS = 5_000;

/**
 * One socket at a time, and its replacement by the next one.
 *
 *   idle ──connect──▶ connecting ──session──▶ catching_up ──live()──▶ live
 *                       ▲  │ ▲                      └────────┬─────────┘
 *                       │  │ └──drain, expired token─────────┤
 *        back-off over, │  └──failed──▶ waiting ◀──lost──────┘
 *        page visible   └──────────────────┘
 *
 *   any ──token refused 3 times, revoked, Unauthorized, getToken failed 5 times──▶ unauthorized ──connect──▶ connecting
 *   any ──getToken resolves with null──▶ signed_out ──connect──▶ connecting          any ──close──▶ closed
 *
 * Each attempt has a number and a socket of its own: callbacks of earlier ones are ignored, and nothing that a socket
 * has buffered is sent later. The token is there before the socket opens, since a server waits for strangers briefly.
 * The file is longer than others: each transition ends the timers and the socket of the state before.
 */
export class Connection {
  status: ChatStatus;
  #deps: ConnectionDeps;
  #owner: ConnectionOwner;
  #run = 0;
  #socket: ChatSocket | undefined;
  #openedAt = 0;
  #failures = 0;
  #refusals = 0;
  #tokenFailures = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelSide: (() => void) | undefined;
  /** The server ends this connection as agreed: the next one follows at once, without an error. */
  #isExpected = false;

  constructor(deps: ConnectionDeps, owner: ConnectionOwner) {
    this.#deps = deps;
    this.#owner = owner;
    this.status = { state: 'idle', since: deps.clock.now(), attempt: 0 };
  }

  get isOpen(): boolean {
    return this.status.state === 'catching_up' || this.status.state === 'live';
  }

  /** By the user: also leaves `unauthorized`. */
  connect(): void {
    const { state } = this.status;
    if (this.isOpen || state === 'connecting') return;
    this.#refusals = 0;
    this.#tokenFailures = 0;
    this.#failures = 0;
    this.#attempt();
  }

  /** The page is usable again: ends a wait, and a stop for which only a failure of `getToken` was the reason. */
  wake(): void {
    const { state, error } = this.status;
    if (state === 'waiting' || (state === 'unauthorized' && error?.code === 'GET_TOKEN_FAILED')) this.connect();
  }

  /** The open connection is dead, although the socket has not noticed it. */
  replace(): void {
    if (!this.isOpen) {
      this.wake();
      return;
    }
    this.#end();
    this.#attempt();
  }

  /** The page may be frozen: no connection until `wake`. */
  suspend(): void {
    if (!this.isOpen && this.status.state !== 'connecting' && this.status.state !== 'waiting') return;
    this.#end();
    this.#set({ state: 'waiting' });
  }

  stop(state: 'closed' | 'signed_out' | 'unauthorized', error?: ChatError): void {
    this.#end();
    this.#deps.tokens.abort();
    this.#set({ state, ...(error ? { error } : {}) });
  }

  live(): void {
    if (this.status.state === 'catching_up') this.#set({ ...this.status, state: 'live' });
  }

  #attempt(): void {
    const run = this.#end();
    const { error } = this.status;
    this.#set({ state: 'connecting', ...(error && this.#failures > 0 ? { error } : {}) });
    const proceed = (work: () => void) => this.#deps.batch(() => this.#run === run && work());
    this.#deps
      .ready()
      .then(() => (this.#run === run ? this.#deps.tokens.get() : null))
      .then(
        (token) => proceed(() => (token === null ? this.stop('signed_out') : this.#open(run, token))),
        (error: unknown) => proceed(() => this.#noToken(error)),
      );
  }

  #noToken(error: unknown): void {
    if (error instanceof Error && error.name === 'Unauthorized') {
      this.stop('unauthorized', { code: 'TOKEN_MISSING', message: error.message, retryable: false });
      return;
    }
    const message = `getToken failed: ${textOf(error)}. Check the service that issues tokens.`;
    const failure: ChatError = { code: 'GET_TOKEN_FAILED', message, retryable: true };
    this.#tokenFailures++;
    if (this.#tokenFailures >= MAX_TOKEN_FAILURES) this.stop('unauthorized', failure);
    else this.#failed(failure);
  }

  #open(run: number, token: string): void {
    const { openSocket, url, clock, batch } = this.#deps;
    this.#tokenFailures = 0;
    const socket = openSocket(url, { auth: (send) => send({ token }) });
    this.#socket = socket;
    const on = (name: string, listen: (payload: never) => void) =>
      socket.on(name, (payload) => this.#run === run && batch(() => listen(payload as never)));
    on('connect_error', (error: Error & { data?: ErrorPayload }) => this.#refused(error));
    on('disconnect', (reason: string) => this.#lost(lost(`The connection was lost (${reason}).`)));
    for (const name of SERVER_EVENTS) on(name, (payload) => this.#event(run, name, payload));
    this.#cancelTimer = clock.after(ATTEMPT_MS, () =>
      this.#failed(lost(`The server did not respond within ${ATTEMPT_MS / 1_000} s.`)),
    );
    socket.connect();
  }

  #event(run: number, name: string, payload: never): void {
    if (name === 'session') this.#opened(run, payload);
    else if (name === 'server_draining') this.#move(payload);
    else if (name === 'token_expiring') this.#refresh(run, 0);
    else if (name === 'session_ended') this.#ended((payload as { error: ErrorPayload }).error);
    else this.#owner.event(name, payload);
  }

  #opened(run: number, session: Session): void {
    if (this.isOpen) return;
    this.#endTimer();
    this.#refusals = 0;
    this.#openedAt = this.#deps.clock.now();
    const { userId, gatewayId } = session;
    this.#set({ state: 'catching_up', userId, gatewayId });
    const wire: Wire = {
      call: (event, payload, onAnswer) => {
        this.#socket?.emit(event, payload, (answer) => {
          if (this.#run === run) this.#deps.batch(() => onAnswer(answer as Parameters<typeof onAnswer>[0]));
        });
      },
    };
    this.#owner.opened(wire, session);
  }

  #refused({ data, message }: Error & { data?: ErrorPayload }): void {
    const code = data?.code ?? '';
    if (!data || !code.startsWith('TOKEN_')) {
      this.#failed(data ? chatError(data) : lost(`The server cannot be reached (${message}).`), data?.retryAfterMs);
      return;
    }
    this.#deps.tokens.replace(code === 'TOKEN_EXPIRED' ? 'expired' : 'rejected');
    this.#refusals++;
    if (code === 'TOKEN_REVOKED' || this.#refusals >= MAX_REFUSALS) this.stop('unauthorized', chatError(data));
    // An expired token is replaced at once. If the next one is refused too, there is no hurry.
    else if (this.#refusals === 1) this.#attempt();
    else this.#failed(chatError(data));
  }

  #lost(error: ChatError): void {
    if (this.#deps.clock.now() - this.#openedAt >= STABLE_MS) this.#failures = 0;
    if (this.#isExpected) this.#attempt();
    else this.#wait(error, 0, 0);
  }

  #failed(error: ChatError, retryAfterMs = 0): void {
    this.#wait(error, this.status.attempt + 1, retryAfterMs);
  }

  #wait(error: ChatError, attempt: number, atLeastMs: number): void {
    const { clock, mayRetry } = this.#deps;
    const { firstMs, longestMs } = BACK_OFF;
    const ms = atLeastMs + backOffMs(clock, this.#failures++, firstMs, longestMs);
    this.#end();
    if (!mayRetry(attempt)) {
      this.#set({ state: 'waiting', attempt, error });
      return;
    }
    this.#set({ state: 'waiting', attempt, error, nextAttemptAt: clock.now() + ms });
    this.#cancelTimer = clock.after(ms, () => {
      if (mayRetry(attempt)) this.#attempt();
      else this.#set({ state: 'waiting', attempt, error });
    });
  }

  /** The gateway stops. The connection moves in the time that it was given, so that not all clients move at once. */
  #move({ reconnectInMs }: ServerDraining): void {
    this.#isExpected = true;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#deps.clock.after(reconnectInMs * (0.5 + this.#deps.clock.random() / 2), () => {
      this.replace();
    });
  }

  /** The server closes the connection itself, after the acks of what it has received. */
  #ended(error: ErrorPayload): void {
    if (error.code === 'TOKEN_EXPIRED') {
      this.#deps.tokens.replace('expired');
      this.#isExpected = true;
      return;
    }
    this.#deps.tokens.replace('rejected');
    this.stop('unauthorized', chatError(error));
  }

  /** Sends a new token ahead of the expiry. One that comes after the end of this connection is for the next one. */
  #refresh(run: number, failures: number): void {
    const { tokens, clock, batch } = this.#deps;
    tokens.replace('expiring');
    const retry = () => {
      if (failures + 1 >= MAX_TOKEN_FAILURES) return;
      this.#cancelSide = clock.after(REFRESH_PAUSE_MS, () => this.#refresh(run, failures + 1));
    };
    const proceed = (work: () => void) => batch(() => this.#run === run && work());
    tokens.get().then(
      (token) =>
        proceed(() => {
          if (token === null) this.stop('signed_out');
          else this.#sendToken(run, token, retry);
        }),
      (error: unknown) =>
        proceed(() => (error instanceof Error && error.name === 'Unauthorized' ? this.#noToken(error) : retry())),
    );
  }

  #sendToken(run: number, token: string, retry: () => void): void {
    this.#socket?.emit('refresh_token', { token }, (answer) => {
      if (this.#run !== run) return;
      const { error } = answer as RefreshTokenAck & { error?: ErrorPayload };
      // The connection lasts until its token expires; the next one reports what is wrong.
      if (error) this.#deps.batch(retry);
    });
  }

  /** Ends the socket and everything of this attempt. Returns the number of the next one. */
  #end(): number {
    const wasOpen = this.isOpen;
    const socket = this.#socket;
    this.#run++;
    this.#socket = undefined;
    this.#isExpected = false;
    this.#endTimer();
    this.#cancelSide?.();
    this.#cancelSide = undefined;
    socket?.off();
    socket?.disconnect();
    if (wasOpen) this.#owner.lost();
    return this.#run;
  }

  #endTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #set(status: Omit<ChatStatus, 'since' | 'attempt'> & { attempt?: number }): void {
    const { attempt = status.state === 'connecting' ? this.status.attempt : 0, ...rest } = status;
    const since = status.state === this.status.state ? this.status.since : this.#deps.clock.now();
    this.status = { ...rest, since, attempt };
    this.#owner.statusChanged(this.status);
  }
}

function lost(message: string): ChatError {
  return { code: 'CONNECTION_LOST', message: `${message} The client reconnects by itself.`, retryable: true };
}

function chatError({ code, message, retryable }: ErrorPayload): ChatError {
  return { code, message, retryable };
}
