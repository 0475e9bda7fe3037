import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { every, type Logger, type Repetition, resetConnection } from '@chat-cluster/runtime';
import type { GatewayConfig } from '../../config.ts';
import { abortConnection, type Connection, MEMORY_PER_BYTE, waitingMemory } from '../engine-io.ts';
import { countSlowConsumer } from './slow-consumer.ts';

/** Interval of the checks, in ms: a client can request some hundred MB per second. */
const CHECK_MS = 250;

export interface UnreadBudgetDeps {
  /** Connections that may have unread output: those without any are removed. */
  backlog: Set<Connection>;
  /** After engine.io is attached, which wraps the listeners that it finds. */
  http: HttpServer;
  config: Pick<GatewayConfig, 'UNREAD_MAX_BYTES'>;
  logger: Logger;
}

/**
 * Bounds the memory of the output that all clients of the process together have not read: packets of sockets, and HTTP
 * responses. The bounds of one connection (slow-consumer.ts) alone would let a few hundred clients fill the memory.
 * Beyond the budget the consumer with most unread output is cut, then the next one, until the rest is within it.
 *
 * The memory is estimated from the number of bytes and packets, for text that is not Latin-1. What the kernel holds, up
 * to 4 MB per connection, is not part of it.
 */
export function boundUnread({ backlog, http, config, logger }: UnreadBudgetDeps): Pick<Repetition, 'stop'> {
  const responses = new Set<Response>();
  function onClose(this: Response): void {
    responses.delete(this);
  }
  http.prependListener('request', (_request, response: Response) => {
    responses.add(response);
    response.once('close', onClose);
  });

  /** Everything with unread output. */
  function consumers(): Consumer[] {
    const found: Consumer[] = [];
    for (const connection of backlog) {
      const bytes = connection.readyState === 'closed' ? 0 : waitingMemory(connection);
      if (bytes > 0) found.push({ bytes, cut: () => abortConnection(connection, 'slow_consumer') });
      else backlog.delete(connection);
    }
    for (const response of responses) {
      const bytes = MEMORY_PER_BYTE * response.writableLength;
      if (bytes > 0) found.push({ bytes, cut: () => resetConnection(response.req.socket) });
    }
    return found;
  }

  return every(CHECK_MS, () => {
    const found = consumers();
    let total = found.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total <= config.UNREAD_MAX_BYTES) return;
    const before = total;
    let count = 0;
    for (const { bytes, cut } of found.sort((a, b) => b.bytes - a.bytes)) {
      if (total <= config.UNREAD_MAX_BYTES) break;
      cut();
      countSlowConsumer();
      total -= bytes;
      count++;
    }
    logger.warn({ count, bytes: before }, 'socket: disconnected the slowest clients, too much output is unread');
  });
}

type Response = ServerResponse<IncomingMessage>;

interface Consumer {
  bytes: number;
  cut(): void;
}
