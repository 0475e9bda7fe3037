import { type ForkState, UserError } from '@chat-cluster/runtime';
import type { BackingServers } from './backing-servers.ts';
import { type ClusterServices, GATEWAY_STOP_MS, WORKER_STOP_MS } from './cluster-services.ts';
import type { ServiceProcess } from './service-process.ts';
import { until } from './until.ts';

/** One process of a cluster; gateways that share a port are one each. */
export interface ClusterProcess {
  name: string;
  kind: 'gateway' | 'worker' | 'prober' | 'redis' | 'postgres';
  /** 0 while it is not running, for example between two starts. */
  pid: number;
  state: ForkState['state'];
}

/** Time limit for an added gateway to serve, in ms. */
const ADDED_WITHIN_MS = 60_000;

/** The gateways, workers, prober and servers of a running cluster, and how their number changes. */
export class ClusterProcesses {
  readonly #parts: ClusterServices & { backing: BackingServers };
  /** By name; undefined while it starts for the first time. */
  readonly #workers: Map<string, ServiceProcess | undefined>;
  readonly #stopped = new AbortController();

  constructor(parts: ClusterServices & { backing: BackingServers }) {
    this.#parts = parts;
    this.#workers = new Map(parts.workers.map((worker) => [worker.name, worker]));
  }

  /** The processes at the time of the call, without servers that were given by URL. */
  list(): ClusterProcess[] {
    const { backing, gateway, prober } = this.#parts;
    const gateways = gateway.forks().map((fork) => ({ ...fork, kind: 'gateway' as const }));
    const workers = [...this.#workers].map(([name, worker]) => ({ name, kind: 'worker' as const, ...stateOf(worker) }));
    const servers = backing.processes().map(({ name, pid, running }) => {
      return {
        name,
        kind: name,
        pid: running ? pid : 0,
        state: running ? ('running' as const) : ('restarting' as const),
      };
    });
    const single = { name: gateway.name, kind: 'gateway' as const, ...stateOf(gateway) };
    return [
      ...(gateways.length > 0 ? gateways : [single]),
      ...workers,
      ...(prober ? [{ name: prober.name, kind: 'prober' as const, ...stateOf(prober) }] : []),
      ...servers,
    ];
  }

  get workers(): ServiceProcess[] {
    return [...this.#workers.values()].filter((worker) => worker !== undefined);
  }

  /** Call it once at a time. Resolves with the new process when it serves. Throws UserError when it does not. */
  async add(kind: 'gateway' | 'worker'): Promise<ClusterProcess> {
    if (this.#stopped.signal.aborted) throw new UserError('The cluster is stopping.');
    const name = await (kind === 'gateway' ? this.#addGateway() : this.#addWorker());
    const added = this.list().find((one) => one.name === name);
    if (!added) throw new UserError(`${name} has ended.`);
    return added;
  }

  /** Ends a gateway or a worker in order, without a replacement. */
  drain(name: string): void {
    const worker = this.#workers.get(name);
    if (worker) void worker.stop(WORKER_STOP_MS);
    else this.#parts.gateway.order({ type: 'drain-fork', name });
  }

  /** Stops gateways and prober, then the workers; a worker that is being added is killed. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    const { gateway, prober } = this.#parts;
    await Promise.all([prober?.stop(GATEWAY_STOP_MS), gateway.stop(GATEWAY_STOP_MS)]);
    await Promise.all(this.workers.map((worker) => worker.stop(WORKER_STOP_MS)));
  }

  /** SIGKILL to all of them. */
  kill(): void {
    this.#stopped.abort();
    const { gateway, prober } = this.#parts;
    for (const service of [gateway, prober, ...this.workers]) service?.kill();
  }

  async #addGateway(): Promise<string> {
    const { gateway } = this.#parts;
    if (gateway.forks().length === 0) throw new UserError('This cluster has a gateway of one process only.');
    const before = new Set(gateway.forks().flatMap(({ name, state }) => (state === 'ended' ? [] : [name])));
    gateway.order({ type: 'add-fork' });
    const findAdded = () => gateway.forks().find(({ name, state }) => state === 'running' && !before.has(name))?.name;
    const added = await until(findAdded, { withinMs: ADDED_WITHIN_MS });
    if (!added) throw new UserError('The added gateway did not start; the reason is above.');
    return added;
  }

  async #addWorker(): Promise<string> {
    const name = this.#freeWorkerName();
    this.#workers.set(name, undefined);
    try {
      this.#workers.set(name, await this.#parts.startWorker(name, this.#stopped.signal));
      return name;
    } catch (error) {
      this.#workers.delete(name);
      throw error;
    }
  }

  /** The name with the lowest number that no running worker has. */
  #freeWorkerName(): string {
    for (let number = 1; ; number++) {
      const name = `worker-${number}`;
      const isFree = !this.#workers.has(name) || this.#workers.get(name)?.state() === 'ended';
      if (isFree) return name;
    }
  }
}

function stateOf(service: ServiceProcess | undefined): Pick<ClusterProcess, 'pid' | 'state'> {
  const state = service?.state() ?? 'restarting';
  return { state, pid: state === 'running' || state === 'draining' ? (service?.pid() ?? 0) : 0 };
}
