/*
 * Longer than 250 lines on purpose: one state machine, whose transitions end the timers and the socket of a state.
 */
import type { ErrorPayload, RefreshTokenAck, ServerDraining, Session } from '@chat-cluster/contracts';
import type { Batch } from '../batch.ts';
import { problem } from '../core/problem.ts';
import { backOffMs, type Clock, type Wire } from '../core/seams.ts';
import { chatError, tokenProblem } from '../errors.ts';
import type { Extension } from '../extension.ts';
import type { ChatError, ChatSocket, ChatStatus, OpenSocket, Page } from '../types.ts';
import { SERVER_EVENTS } from '../wire.ts';
import { openSocket } from './socket-io.ts';
import type { Tokens } from './tokens.ts';

/** What a connection needs, and what it reports. */
export interface ConnectionOwner {
  readonly options: { origin: string; socket?: OpenSocket };
  readonly page: Page;
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly batch: Batch;
  readonly extension: Extension | undefined;
  /** Resolves when the state of the store is loaded. */
  ready(): Promise<void>;
  /** A connection has its session. The owner calls `live` when everything that was missed is here. */
  opened(wire: Wire, session: Session): void;
  event(name: string, payload: unknown): void;
  /** The open connection has ended. */
  lost(): void;
}

/** Time from the start of an attempt to `session`, in ms. */
const ATTEMPT_MS = 20_000;
/**
 * Longest first back-off, and longest one during an outage of about a minute (that of a stock client), in ms. Later it
 * grows, so that a cluster that is away for long does not get all of its clients every few seconds.
 */
const BACK_OFF_MS = 1_000;
const OUTAGE_BACK_OFF_MS = 5_000;
const OUTAGE_ATTEMPTS = 20;
/** How long before its turn a connection leaves a gateway that stops, at most, in ms. */
const MOVE_AHEAD_MS = 500;
/** A connection that lasted this long ends a series of failures, in ms. */
const STABLE_MS = 10_000;
/** Refused tokens of one series, and failures of `getToken`, after which the client stops. */
const MAX_REFUSALS = 3;
/** Refusals further apart belong to different series, in ms: longer than a back-off, `getToken` and an attempt together. */
const SERIES_MS = 120_000;
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
 */
export class Connection {
  status: ChatStatus;
  #owner: ConnectionOwner;
  #run = 0;
  #socket: ChatSocket | undefined;
  #openedAt = 0;
  #failures = 0;
  #refusals = 0;
  #refusedAt = 0;
  #tokenFailures = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelRefresh: (() => void) | undefined;
  /** The server ends this connection as agreed: the next one follows at once, without an error. */
  #isExpected = false;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
    this.status = { state: 'idle', since: owner.clock.now(), attempt: 0 };
  }

  get isOpen(): boolean {
    return ['catching_up', 'live'].includes(this.status.state);
  }

  /** There is a connection, or there will be one without a call of `connect`. */
  get isActive(): boolean {
    return ['connecting', 'catching_up', 'live', 'waiting'].includes(this.status.state);
  }

  /** By the user: also leaves `unauthorized`. */
  connect(): void {
    if (this.isOpen || this.status.state === 'connecting') return;
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
    if (this.isOpen) this.#attempt();
    else this.wake();
  }

  /** The page may be frozen: no connection until `wake`. */
  suspend(): void {
    if (!this.isActive) return;
    this.#end();
    this.#set({ state: 'waiting' });
  }

  stop(state: 'closed' | 'signed_out' | 'unauthorized', error?: ChatError): void {
    this.#end();
    this.#owner.tokens.abort();
    this.#set({ state, ...(error && { error }) });
  }

  live(): void {
    if (this.status.state === 'catching_up') this.#set({ ...this.status, state: 'live' });
  }

  #attempt(): void {
    this.#end();
    const { error } = this.status;
    this.#set({ state: 'connecting', ...(error && this.#failures > 0 && { error }) });
    const run = this.#run;
    this.#owner
      .ready()
      .then(() => (this.#run === run ? this.#owner.tokens.get() : null))
      .then(
        this.#current((token: string | null) => (token === null ? this.stop('signed_out') : this.#open(token))),
        this.#current((error: unknown) => this.#noToken(error)),
      );
  }

  /** A callback of the present attempt, as a batch: without effect once there is another attempt. */
  #current<Value>(work: (value: Value) => void): (value: Value) => void {
    const run = this.#run;
    return (value) => this.#owner.batch.run(() => this.#run === run && work(value));
  }

  #noToken(error: unknown): void {
    const failure = tokenProblem(error);
    this.#tokenFailures++;
    if (!failure.retryable || this.#tokenFailures >= MAX_TOKEN_FAILURES) this.stop('unauthorized', failure);
    else this.#retryLater(failure);
  }

  #open(token: string): void {
    const { options, clock, extension } = this.#owner;
    this.#tokenFailures = 0;
    const socket = (options.socket ?? openSocket)(options.origin, {
      auth: (send) => send({ token, ...extension?.handshake }),
    });
    this.#socket = socket;
    const on = <Payload>(name: string, listen: (payload: Payload) => void) => socket.on(name, this.#current(listen));
    on('connect_error', (error: Error & { data?: ErrorPayload }) => this.#refused(error));
    on('disconnect', (reason: string) => this.#lost(lost(`The connection was lost (${reason}).`)));
    for (const name of (SERVER_EVENTS as readonly string[]).concat(extension?.events ?? [])) {
      on(name, (payload: never) => this.#event(name, payload));
    }
    this.#cancelTimer = clock.after(ATTEMPT_MS, () => this.#retryLater(lost('The server did not respond in time.')));
    socket.connect();
  }

  #event(name: string, payload: never): void {
    if (name === 'session') this.#opened(payload);
    else if (name === 'server_draining') this.#move(payload);
    else if (name === 'token_expiring') this.#refresh(0);
    else if (name === 'session_ended') this.#ended((payload as { error: ErrorPayload }).error);
    else this.#owner.event(name, payload);
  }

  #opened(session: Session): void {
    if (this.isOpen) return;
    this.#cancelTimer?.();
    this.#refusals = 0;
    this.#openedAt = this.#owner.clock.now();
    const { userId, gatewayId } = session;
    this.#set({ state: 'catching_up', userId, gatewayId });
    this.#owner.opened(
      {
        call: (event, payload, onAnswer) => {
          this.#socket?.emit(event, payload, this.#current(onAnswer) as (answer: unknown) => void);
        },
      },
      session,
    );
  }

  #refused({ data, message }: Error & { data?: ErrorPayload }): void {
    if (!data?.code.startsWith('TOKEN_')) {
      const error = data ? chatError(data) : lost(`The server cannot be reached (${message}).`);
      this.#retryLater(error, data?.retryAfterMs);
      return;
    }
    const error = chatError(data);
    const { tokens, clock } = this.#owner;
    tokens.refused(data.code);
    if (clock.now() - this.#refusedAt > SERIES_MS) this.#refusals = 0;
    this.#refusedAt = clock.now();
    this.#refusals++;
    if (data.code === 'TOKEN_REVOKED' || this.#refusals >= MAX_REFUSALS) this.stop('unauthorized', error);
    // An expired token is replaced at once. If the next one is refused too, there is no hurry.
    else if (this.#refusals === 1) this.#attempt();
    else this.#retryLater(error);
  }

  #lost(error: ChatError): void {
    if (this.#owner.clock.now() - this.#openedAt >= STABLE_MS) this.#failures = 0;
    if (this.#isExpected) this.#attempt();
    else this.#retryLater(error, 0, 0);
  }

  #retryLater(error: ChatError, atLeastMs = 0, attempt = this.status.attempt + 1): void {
    const { clock } = this.#owner;
    const ms =
      atLeastMs +
      backOffMs(
        clock,
        this.#failures,
        BACK_OFF_MS,
        this.#failures++ < OUTAGE_ATTEMPTS ? OUTAGE_BACK_OFF_MS : undefined,
      );
    this.#end();
    const wait = (nextAttemptAt?: number) =>
      this.#set({ state: 'waiting', attempt, error, ...(nextAttemptAt && { nextAttemptAt }) });
    if (!this.#mayRetry(attempt)) {
      wait();
      return;
    }
    wait(clock.now() + ms);
    this.#cancelTimer = clock.after(ms, () => (this.#mayRetry(attempt) ? this.#attempt() : wait()));
  }

  /** Not while offline. A hidden page tries once after it has lost its connection, and then waits until it is visible. */
  #mayRetry(failures: number): boolean {
    const { isOnline, isVisible } = this.#owner.page;
    return isOnline?.() !== false && (failures === 0 || isVisible?.() !== false);
  }

  /**
   * The gateway stops, and closes its connections one after another. This one moves shortly before its turn: much earlier,
   * and its clients would come to the others faster than the gateway has planned.
   */
  #move({ reconnectInMs }: ServerDraining): void {
    const { clock } = this.#owner;
    this.#isExpected = true;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(Math.max(0, reconnectInMs - clock.random() * MOVE_AHEAD_MS), () => this.replace());
  }

  /** The server closes the connection itself, after the acks of what it has received. */
  #ended(error: ErrorPayload): void {
    this.#owner.tokens.refused(error.code);
    this.#isExpected = error.code === 'TOKEN_EXPIRED';
    if (!this.#isExpected) this.stop('unauthorized', chatError(error));
  }

  /** Sends a new token ahead of the expiry. One that comes after the end of this connection is for the next one. */
  #refresh(failures: number): void {
    const { tokens, clock } = this.#owner;
    tokens.replace('expiring');
    const retry = () => {
      if (failures + 1 >= MAX_TOKEN_FAILURES) return;
      this.#cancelRefresh = clock.after(REFRESH_PAUSE_MS, () => this.#refresh(failures + 1));
    };
    // The connection lasts until its token expires; the next one reports what is wrong.
    const answered = this.#current(({ error }: RefreshTokenAck & { error?: ErrorPayload }) => error && retry());
    tokens.get().then(
      this.#current((token: string | null) => {
        if (token === null) this.stop('signed_out');
        else this.#socket?.emit('refresh_token', { token }, answered as (ack: unknown) => void);
      }),
      this.#current((error: unknown) => (tokenProblem(error).retryable ? retry() : this.#noToken(error))),
    );
  }

  /** Ends the socket and everything of this attempt. */
  #end(): void {
    const { isOpen } = this;
    const socket = this.#socket;
    this.#run++;
    this.#socket = undefined;
    this.#isExpected = false;
    this.#cancelTimer?.();
    this.#cancelRefresh?.();
    socket?.off();
    socket?.disconnect();
    if (isOpen) this.#owner.lost();
  }

  #set(status: Omit<ChatStatus, 'since' | 'attempt'> & { attempt?: number }): void {
    const { attempt = status.state === 'connecting' ? this.status.attempt : 0, ...rest } = status;
    const since = status.state === this.status.state ? this.status.since : this.#owner.clock.now();
    this.status = { ...rest, since, attempt };
    this.#owner.batch.emit('status', this.status);
  }
}

function lost(message: string): ChatError {
  return problem('CONNECTION_LOST', `${message} The client reconnects by itself.`);
}
