import { createServer, type Server, Socket } from 'node:net';
import { resetConnection } from '@chat-cluster/runtime/reset-connection';
import { FaultLine, type LineState } from './fault-line.ts';
import type { Random } from './random.ts';

/**
 * Behaviour of the network between two processes.
 * - `refuse`: new connections are reset, open ones continue.
 * - `reset`: open connections are reset, and new ones as soon as they are made.
 * - `blackhole`: connections are accepted but nothing is forwarded; the bytes arrive after the fault.
 * - `delay`: every byte arrives `ms` later, plus up to `jitterMs`, never out of order.
 * - `half-open`: the upstream is lost and the client is not notified: its bytes are dropped. Reset after the fault.
 * - `cut`: a connection is reset when it has carried `afterBytes` from now on, in both directions together.
 */
export type NetworkFault =
  | { kind: 'pass' }
  | { kind: 'refuse' }
  | { kind: 'reset' }
  | { kind: 'blackhole' }
  | { kind: 'delay'; ms: number; jitterMs?: number }
  | { kind: 'bandwidth'; bytesPerSecond: number }
  | { kind: 'half-open' }
  | { kind: 'cut'; afterBytes: number };

export interface FaultProxy extends AsyncDisposable {
  /** Port on 127.0.0.1. */
  port: number;
  /** Connections open now. */
  readonly connections: number;
  /**
   * Changes the behaviour of the network at once, for open and new connections. `toUpstream` or `toClient` changes one
   * direction only; use them with pass, blackhole, delay and bandwidth.
   */
  set(fault: NetworkFault, direction?: Direction): void;
}

export type Direction = 'both' | 'toUpstream' | 'toClient';

export interface FaultProxyOptions {
  /** Ports on 127.0.0.1, read for each connection. New connections go to those that accept, in turn. */
  upstreams: readonly number[];
  /** Source of random jitter. */
  random?: Random;
}

/** Starts a TCP proxy on loopback that simulates network faults. Disposing of it closes all its connections. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new Network(options);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) =>
    proxy.accept(client),
  );
  const port = await listen(server);
  return {
    port,
    get connections() {
      return proxy.links.size;
    },
    set: (fault, direction = 'both') => proxy.set(fault, direction),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      proxy.close();
      await closed;
    },
  };
}

/**
 * Connections that may wait to be accepted: enough for all clients that reconnect at once. The kernel drops the rest;
 * Node's default is 511.
 */
const BACKLOG = 16_384;

const PASS: LineState = { kind: 'pass' };

class Network {
  links = new Set<Link>();
  #options: Required<FaultProxyOptions>;
  #fault: NetworkFault = { kind: 'pass' };
  #state = { toUpstream: PASS, toClient: PASS };
  #turn = 0;

  constructor(options: FaultProxyOptions) {
    this.#options = { random: Math.random, ...options };
  }

  accept(client: Socket): void {
    client.on('error', () => {});
    if (this.#fault.kind === 'refuse' || this.#fault.kind === 'reset') {
      resetConnection(client);
      return;
    }
    const link = new Link(client, this.#options.random, () => this.links.delete(link));
    this.links.add(link);
    if (this.#fault.kind === 'half-open') link.loseUpstream();
    else if (this.#fault.kind !== 'blackhole' || this.#state.toUpstream.kind !== 'held') this.#connect(link);
    if (this.#fault.kind === 'cut') link.cutAfter(this.#fault.afterBytes);
  }

  set(fault: NetworkFault, direction: Direction): void {
    this.#fault = fault;
    const state = stateOf(fault);
    if (direction !== 'toClient') this.#state.toUpstream = state;
    if (direction !== 'toUpstream') this.#state.toClient = state;
    for (const link of [...this.links]) {
      if (fault.kind === 'reset' || (fault.kind !== 'half-open' && link.upstreamLost)) {
        link.reset();
        continue;
      }
      if (fault.kind === 'half-open') link.loseUpstream();
      else if (!link.connecting && this.#state.toUpstream.kind !== 'held') this.#connect(link);
      link.cutAfter(fault.kind === 'cut' ? fault.afterBytes : undefined);
      link.change(this.#state);
    }
  }

  close(): void {
    this.#fault = { kind: 'refuse' };
    for (const link of [...this.links]) link.reset();
  }

  #connect(link: Link): void {
    const { upstreams } = this.#options;
    const first = this.#turn++;
    link.connect(
      upstreams.map((_, i) => upstreams[(first + i) % upstreams.length] as number),
      () => this.#state,
    );
  }
}

function stateOf(fault: NetworkFault): LineState {
  switch (fault.kind) {
    case 'blackhole':
      return { kind: 'held' };
    case 'delay':
      return { kind: 'delay', ms: fault.ms, jitterMs: fault.jitterMs ?? 0 };
    case 'bandwidth':
      return fault;
    case 'half-open':
      return { kind: 'dropped' };
    default:
      return PASS;
  }
}

interface LinkState {
  toUpstream: LineState;
  toClient: LineState;
}

/** One client and its upstream, with a line in each direction. */
class Link {
  connecting = false;
  upstreamLost = false;
  #client: Socket;
  #upstream: Socket | undefined;
  #lines: { toUpstream: FaultLine; toClient: FaultLine } | undefined;
  #random: Random;
  #onEnd: () => void;
  #carried = 0;
  #cutAt = Number.POSITIVE_INFINITY;

  constructor(client: Socket, random: Random, onEnd: () => void) {
    this.#client = client;
    this.#random = random;
    this.#onEnd = onEnd;
    client.once('close', () => this.#end());
  }

  /** Tries the ports in turn. Resets the client when none accepts. */
  connect(ports: readonly number[], state: () => LinkState): void {
    const [port, ...others] = ports;
    this.connecting = true;
    if (port === undefined || this.#client.destroyed) {
      this.reset();
      return;
    }
    const upstream = new Socket({ allowHalfOpen: true }).setNoDelay();
    this.#upstream = upstream;
    const refused = () => this.connect(others, state);
    upstream.once('error', refused);
    upstream.connect({ host: '127.0.0.1', port }, () => {
      upstream.off('error', refused);
      upstream.on('error', () => {});
      if (this.#client.destroyed) {
        upstream.destroy();
        return;
      }
      upstream.once('close', () => this.#upstreamClosed(upstream));
      const carried = (bytes: number) => this.#carry(bytes);
      const { toUpstream, toClient } = state();
      this.#lines = {
        toUpstream: new FaultLine(this.#client, upstream, toUpstream, this.#random, carried),
        toClient: new FaultLine(upstream, this.#client, toClient, this.#random, carried),
      };
    });
  }

  change({ toUpstream, toClient }: LinkState): void {
    this.#lines?.toUpstream.change(toUpstream);
    this.#lines?.toClient.change(toClient);
  }

  cutAfter(bytes: number | undefined): void {
    this.#cutAt = bytes === undefined ? Number.POSITIVE_INFINITY : this.#carried + bytes;
  }

  loseUpstream(): void {
    this.upstreamLost = true;
    this.connecting = true;
    if (this.#upstream) resetConnection(this.#upstream);
    // Without an upstream no line reads from the client; its bytes must be dropped too.
    this.#client.on('data', () => {}).resume();
  }

  reset(): void {
    resetConnection(this.#client);
    this.#end();
  }

  #carry(bytes: number): void {
    this.#carried += bytes;
    if (this.#carried >= this.#cutAt) this.reset();
  }

  /** The end of an upstream that closes in order is forwarded. When an upstream breaks, the client is reset. */
  #upstreamClosed(upstream: Socket): void {
    if (upstream !== this.#upstream || this.upstreamLost) return;
    if (upstream.errored || !upstream.readableEnded) this.reset();
  }

  #end(): void {
    this.#lines?.toUpstream.close();
    this.#lines?.toClient.close();
    if (this.#upstream?.connecting) this.#upstream.destroy();
    else if (this.#upstream && !this.#upstream.destroyed) resetConnection(this.#upstream);
    this.#onEnd();
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
      const address = server.address();
      if (typeof address === 'object' && address) resolve(address.port);
    });
  });
}
