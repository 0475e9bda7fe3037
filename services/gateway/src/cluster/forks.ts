import cluster, { type Worker } from 'node:cluster';
import { backoff, type ForkState, UserError } from '@chat-cluster/runtime';
import type { Context } from '../connect-servers.ts';
import type { Entry } from './entry.ts';
import type { ForkNames } from './fork-names.ts';
import type { Serving } from './take-connections.ts';

export interface ForksDeps extends Pick<Context, 'lifecycle' | 'logger'> {
  /** Prefix of the names of the forks. */
  prefix: string;
  entry: Entry;
  /** Called after each change. */
  onChange(forks: readonly ForkState[]): void;
}

interface Member {
  name: string;
  state: ForkState['state'];
  worker?: Worker;
}

/**
 * The gateway processes of a supervisor. The entry uses a fork only while it serves: a connection handed to a fork that
 * is still starting would be lost, and its client would wait for 20 s.
 *
 *   restarting ──serves──▶ running ──dies──▶ restarting (after a back-off) …
 *                             └──drain──▶ draining ──exits──▶ ended; `add` uses its name again
 */
export class Forks {
  readonly #deps: ForksDeps;
  readonly #members = new Map<string, Member>();

  constructor(deps: ForksDeps) {
    this.#deps = deps;
  }

  /** Adds forks; resolves when all of them serve. Rejects if one dies before. */
  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#keepForked(this.#newMember())));
  }

  /** Adds a fork. One that cannot start counts as ended. */
  add(): void {
    const member = this.#newMember();
    this.#keepForked(member).catch((error) => {
      this.#deps.logger.error(
        { err: error, gateway: member.name },
        'gateway: an added fork could not start; its log has the reason',
      );
    });
  }

  /** Ends a fork in order, without a replacement. Unless it serves, nothing happens. */
  drain(name: string): void {
    const member = this.#members.get(name);
    if (member?.state !== 'running' || !member.worker) return;
    this.#deps.entry.retire(member.worker);
    member.worker.send({ type: 'chat:drain' }, () => {});
    this.#change(member, 'draining');
  }

  /** The forks that have not ended. */
  get members(): readonly Readonly<Member>[] {
    return [...this.#members.values()].filter(({ state }) => state !== 'ended');
  }

  get workers(): Worker[] {
    return this.members.flatMap(({ worker }) => worker ?? []);
  }

  /** A member with the lowest number that no other fork has. */
  #newMember(): Member {
    for (let number = 1; ; number++) {
      const name = `${this.#deps.prefix}-${number}`;
      const state = this.#members.get(name)?.state ?? 'ended';
      if (state !== 'ended') continue;
      const member: Member = { name, state: 'restarting' };
      this.#members.set(name, member);
      return member;
    }
  }

  /** Forks a gateway and replaces it whenever it dies, with back-off. Resolves when it first serves, else rejects. */
  #keepForked(member: Member): Promise<void> {
    const { entry, lifecycle, logger } = this.#deps;
    const { name } = member;
    return new Promise((resolve, reject) => {
      let served = false;
      let failures = 0;
      const start = () => {
        const fork = cluster.fork({ GATEWAY_NAME: name });
        member.worker = fork;
        fork.on('message', (message: Serving) => {
          if (message?.type !== 'chat:serving') return;
          entry.offer(fork, message.tag);
          served = true;
          failures = 0;
          this.#change(member, 'running');
          resolve();
        });
        fork.once('exit', async (code, signal) => {
          delete member.worker;
          const isWanted = served && member.state !== 'draining';
          this.#change(member, isWanted ? 'restarting' : 'ended');
          if (lifecycle.stopping) return;
          // It has written the reason to stderr.
          if (!served) return reject(new UserError(`${name} could not start (see above).`));
          if (!isWanted) return;
          logger.warn({ gateway: name, code, signal }, 'gateway: a fork died, replacing it');
          await backoff(failures++, 50, 5_000);
          if (!lifecycle.stopping) start();
        });
        this.#change(member, 'restarting');
      };
      start();
    });
  }

  #change(member: Member, state: ForkState['state']): void {
    member.state = state;
    const names = this.members.map(({ name }) => name);
    for (const worker of this.workers) worker.send({ type: 'chat:names', names } satisfies ForkNames, () => {});
    this.#deps.onChange(
      [...this.#members.values()].map(({ name, state, worker }) => ({ name, state, pid: worker?.process.pid ?? 0 })),
    );
  }
}
