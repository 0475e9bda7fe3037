import { createServer, type Server, Socket } from 'node:net';
import { resetConnection } from '@chat-cluster/runtime/reset-connection';
import { FaultLine, type Weather } from './fault-line.ts';
import type { Random } from './random.ts';

/**
 * What the network between two processes does.
 * - `refuse`: new connections are reset, those there live on.
 * - `reset`: those there are reset, and new ones as soon as they come.
 * - `blackhole`: connections are accepted, nothing is forwarded and nothing refused; the bytes arrive once it is over.
 * - `delay`: every byte comes `ms` later, plus up to `jitterMs`; never out of order.
 * - `half-open`: the upstream is gone, and the client is not told: what it sends vanishes. Reset once it is over.
 * - `cut`: a connection is reset when it has carried `afterBytes` from now, both directions together.
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
  /** On 127.0.0.1. */
  port: number;
  /** Connections open now. */
  readonly connections: number;
  /**
   * Changes what the network does, at once and for connections old and new. `toUpstream` alone or `toClient` alone
   * make sense for pass, blackhole, delay and bandwidth: the other direction stays as it is.
   */
  set(fault: NetworkFault, direction?: Direction): void;
}

export type Direction = 'both' | 'toUpstream' | 'toClient';

export interface FaultProxyOptions {
  /** Ports on 127.0.0.1. Several: new connections go round among those that accept. Read anew for each connection. */
  upstreams: readonly number[];
  /** Where jitter comes from. */
  random?: Random;
}

/** A TCP proxy on loopback that does to its connections what a network can. Disposing of it leaves nothing open. */
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

/** Of connections that wait to be accepted: as many as may come back at once. At Node's 511 the kernel drops the others. */
const BACKLOG = 16_384;

const PASS: Weather = { kind: 'pass' };

class Network {
  links = new Set<Link>();
  #options: Required<FaultProxyOptions>;
  #fault: NetworkFault = { kind: 'pass' };
  #weather = { toUpstream: PASS, toClient: PASS };
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
    else if (this.#fault.kind !== 'blackhole' || this.#weather.toUpstream.kind !== 'frozen') this.#connect(link);
    if (this.#fault.kind === 'cut') link.cutAfter(this.#fault.afterBytes);
  }

  set(fault: NetworkFault, direction: Direction): void {
    this.#fault = fault;
    const weather = weatherOf(fault);
    if (direction !== 'toClient') this.#weather.toUpstream = weather;
    if (direction !== 'toUpstream') this.#weather.toClient = weather;
    for (const link of [...this.links]) {
      if (fault.kind === 'reset' || (fault.kind !== 'half-open' && link.upstreamLost)) {
        link.reset();
        continue;
      }
      if (fault.kind === 'half-open') link.loseUpstream();
      else if (!link.connecting && this.#weather.toUpstream.kind !== 'frozen') this.#connect(link);
      link.cutAfter(fault.kind === 'cut' ? fault.afterBytes : undefined);
      link.change(this.#weather);
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
      () => this.#weather,
    );
  }
}

function weatherOf(fault: NetworkFault): Weather {
  switch (fault.kind) {
    case 'blackhole':
      return { kind: 'frozen' };
    case 'delay':
      return { kind: 'delay', ms: fault.ms, jitterMs: fault.jitterMs ?? 0 };
    case 'bandwidth':
      return fault;
    case 'half-open':
      return { kind: 'deaf' };
    default:
      return PASS;
  }
}

/** One client and the upstream it was given, with a line in each direction. */
class Link {
  connecting = false;
  upstreamLost = false;
  #client: Socket;
  #upstream: Socket | undefined;
  #lines: { toUpstream: FaultLine; toClient: FaultLine } | undefined;
  #random: Random;
  #gone: () => void;
  #carried = 0;
  #cutAt = Number.POSITIVE_INFINITY;

  constructor(client: Socket, random: Random, gone: () => void) {
    this.#client = client;
    this.#random = random;
    this.#gone = gone;
    client.once('close', () => this.#end());
  }

  /** Tries the ports in turn; when none accepts, the client is reset. */
  connect(ports: readonly number[], weather: () => { toUpstream: Weather; toClient: Weather }): void {
    const [port, ...others] = ports;
    this.connecting = true;
    if (port === undefined || this.#client.destroyed) {
      this.reset();
      return;
    }
    const upstream = new Socket({ allowHalfOpen: true }).setNoDelay();
    this.#upstream = upstream;
    const refused = () => this.connect(others, weather);
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
      const { toUpstream, toClient } = weather();
      this.#lines = {
        toUpstream: new FaultLine(this.#client, upstream, toUpstream, this.#random, carried),
        toClient: new FaultLine(upstream, this.#client, toClient, this.#random, carried),
      };
    });
  }

  change({ toUpstream, toClient }: { toUpstream: Weather; toClient: Weather }): void {
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
    // Without an upstream nobody reads the client: what it sends is to vanish all the same.
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

  /** An upstream that ends in order has sent its end, which goes its way; one that breaks takes the client with it. */
  #upstreamClosed(upstream: Socket): void {
    if (upstream !== this.#upstream || this.upstreamLost) return;
    if (upstream.errored || !upstream.readableEnded) this.reset();
  }

  #end(): void {
    this.#lines?.toUpstream.close();
    this.#lines?.toClient.close();
    if (this.#upstream?.connecting) this.#upstream.destroy();
    else if (this.#upstream && !this.#upstream.destroyed) resetConnection(this.#upstream);
    this.#gone();
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
