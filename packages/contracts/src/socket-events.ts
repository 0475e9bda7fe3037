import type { z } from 'zod';
import type { clientAcks } from './client-acks.ts';
import type { ClientEvent, clientEvents } from './client-events.ts';
import type { ErrorPayload } from './errors.ts';
import type { ServerEvent, serverEvents } from './server-events.ts';

/** Event maps of Socket.IO's types, for servers and clients. */
export type ClientToServerEvents = {
  [E in ClientEvent]: (
    payload: z.input<(typeof clientEvents)[E]>,
    ack?: (result: z.infer<(typeof clientAcks)[E]>) => void,
  ) => void;
};

export type ServerToClientEvents = {
  [E in ServerEvent]: (payload: z.infer<(typeof serverEvents)[E]>) => void;
};

/** `connect_error.data` of a rejected handshake. */
export type ConnectErrorData = ErrorPayload;
