import type { IncomingMessage } from 'node:http';
import type { Logger } from '@chat-cluster/runtime';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import type { GatewayConfig } from '../../config.ts';
import { type Rate, rateOf, TokenBucket } from '../../token-bucket.ts';
import type { Connection } from '../engine-io.ts';
import { cut } from '../transport/packet-guard.ts';
import { clientAddress, forwardedAddresses } from './client-address.ts';

const forwarded = new Counter({
  name: 'chat_handshakes_forwarded_total',
  help: 'Handshakes by the addresses in X-Forwarded-For: as many as TRUSTED_HOPS, fewer or more',
  labelNames: ['addresses'],
});
const ADDRESSES = { '-1': 'fewer', '0': 'exact', '1': 'more' } as const;

/** Addresses whose connects are counted; about 300 bytes each. */
const COUNTED_ADDRESSES = 20_000;
/** Connects that an address may start at once, in seconds of its rate. */
const BURST_SECONDS = 5;

export interface StrangersDeps {
  config: Pick<
    GatewayConfig,
    'AUTHENTICATE_WITHIN_MS' | 'CONNECTS_PER_SECOND_PER_ADDRESS' | 'MAX_UNAUTHENTICATED_PER_ADDRESS' | 'TRUSTED_HOPS'
  >;
  logger: Logger;
}

/**
 * Bounds what clients get before they have authenticated: the time of a connection, and the share of an address in
 * connects and in unauthenticated connections. The oldest connection of an address makes room for a new one: a real
 * client authenticates within a round trip, so its connection is not the oldest for long.
 */
export class Strangers {
  readonly #deps: StrangersDeps;
  readonly #rate: Rate;
  readonly #connects = new LRUCache<string, TokenBucket>({ max: COUNTED_ADDRESSES });
  readonly #byAddress = new Map<string, Set<Connection>>();
  /** By connection: ends its time as a stranger. */
  readonly #release = new WeakMap<Connection, () => void>();
  #hasWarned = false;

  constructor(deps: StrangersDeps) {
    this.#deps = deps;
    const perSecond = deps.config.CONNECTS_PER_SECOND_PER_ADDRESS;
    this.#rate = rateOf(perSecond, BURST_SECONDS * perSecond);
  }

  /** Counts a connect. Returns 0, or the time in ms until the address may connect again. */
  admit(request: IncomingMessage): number {
    const { CONNECTS_PER_SECOND_PER_ADDRESS: perSecond, TRUSTED_HOPS } = this.#deps.config;
    const difference = Math.sign(forwardedAddresses(request).length - TRUSTED_HOPS);
    forwarded.inc({ addresses: ADDRESSES[`${difference}` as keyof typeof ADDRESSES] });
    if (TRUSTED_HOPS === 0 && request.headers['x-forwarded-for'] !== undefined) this.#warn();
    if (perSecond === 0) return 0;
    const address = clientAddress(request, TRUSTED_HOPS);
    const bucket = this.#connects.get(address) ?? new TokenBucket(this.#rate);
    this.#connects.set(address, bucket);
    return bucket.take();
  }

  /** Bounds a connection that has just opened. */
  attach(connection: Connection): void {
    const { AUTHENTICATE_WITHIN_MS, MAX_UNAUTHENTICATED_PER_ADDRESS: most, TRUSTED_HOPS } = this.#deps.config;
    const address = clientAddress(connection.request, TRUSTED_HOPS);
    const others = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, others.add(connection));
    const timer = setTimeout(cut, AUTHENTICATE_WITHIN_MS, connection, 'authentication_timeout');
    const release = () => {
      clearTimeout(timer);
      connection.removeListener('close', release);
      others.delete(connection);
      if (others.size === 0 && this.#byAddress.get(address) === others) this.#byAddress.delete(address);
    };
    connection.on('close', release);
    this.#release.set(connection, release);
    const [oldest] = others;
    if (most > 0 && others.size > most && oldest) cut(oldest, 'address_share');
  }

  /** From now on the client is a user. */
  release(connection: Connection): void {
    this.#release.get(connection)?.();
    this.#release.delete(connection);
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#deps.logger.warn(
      'handshake: a request has X-Forwarded-For, but TRUSTED_HOPS is 0: behind a proxy, all clients share its address',
    );
  }
}
