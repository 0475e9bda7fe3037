import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { type ForkOrder, type ForkState, type ForksMessage, type ReadyMessage, UserError } from '@chat-cluster/runtime';
import { signalQuietly, withDeathSignal } from './server-process.ts';
import { until } from './until.ts';

export interface ServiceOptions {
  name: string;
  /** Absolute path of its main file, read at each start. */
  main: string;
  env: NodeJS.ProcessEnv;
  /** File of its output. Default: the output of this process. */
  logFile?: string | undefined;
  /** Receives one line when the process ended unexpectedly or had to be killed. */
  log: (line: string) => void;
  /** Longest pause before a restart. Default: 10 s. */
  longestPauseMs?: number;
  /** Aborting it kills the service while it starts. */
  signal?: AbortSignal | undefined;
}

export interface ServiceProcess {
  name: string;
  /** Pid of the running process, or of the last one while the service waits for its restart. */
  pid(): number;
  ready(): ReadyMessage;
  state(): ForkState['state'];
  /** The processes that the service has forked; none if it is a single one. */
  forks(): readonly ForkState[];
  /** Sends an order about its forks to the service. */
  order(order: ForkOrder): void;
  /** Sends SIGTERM and waits, and SIGKILL after `withinMs`. No restart follows. Idempotent. */
  stop(withinMs: number): Promise<void>;
  /** Sends SIGKILL at once. No restart follows. */
  kill(): void;
}

/** On one machine no load balancer has to notice a drain, so a gateway closes its connections at once. */
const UNPACED = { DRAIN_DELAY_MS: '0', DRAIN_WINDOW_MS: '0' };
/** A start takes 1 s; on a machine that is busy with other work, many times as long. */
const READY_WITHIN_MS = 120_000;
/** Bounds of the pause before a restart, in ms. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** Lifetime of a process after which the next pause is the first one again, in ms. */
const HEALTHY_AFTER_MS = 30_000;

/**
 * Starts a service as a child process, waits until it is ready and keeps it alive. Throws UserError with the output of
 * the service when it does not become ready. The process gets its own session: a Ctrl-C in the terminal reaches the
 * orchestrator only, which stops everything in order. If the orchestrator is killed, the closed IPC channel makes the
 * service stop; a service that a test has paused (SIGSTOP) is continued for that by its death signal.
 *
 *   starting ──"ready" message──▶ running ──dies──▶ waiting (250 ms, doubling to 10 s) ──▶ starting …
 *      └─ dies before its first "ready": start() throws, no restart        stop() ends all of it
 */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const service = new Service(options);
  const kill = () => service.kill();
  options.signal?.addEventListener('abort', kill);
  await service.start();
  options.signal?.removeEventListener('abort', kill);
  return {
    name: options.name,
    pid: () => service.child.pid ?? 0,
    ready: () => service.readiness,
    state: () => service.state,
    forks: () => service.forks,
    order: (order) => void (service.child.connected && service.child.send(order, () => {})),
    stop: (withinMs) => service.stop(withinMs),
    kill,
  };
}

class Service {
  child: ChildProcess;
  readiness: ReadyMessage = { type: 'ready', port: 0 };
  forks: readonly ForkState[] = [];
  private serves = false;
  private readonly options: ServiceOptions;
  private startedAt = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private restart: NodeJS.Timeout | undefined;
  private stopping = false;
  private logStart = 0;

  constructor(options: ServiceOptions) {
    this.options = options;
    this.child = this.spawn();
  }

  async start(): Promise<void> {
    const ready = await until(() => this.readiness.port > 0 || (hasEnded(this.child) ? false : undefined), {
      withinMs: READY_WITHIN_MS,
      everyMs: 5,
    });
    if (ready) return;
    this.kill();
    throw new UserError(this.startFailure());
  }

  get state(): ForkState['state'] {
    if (this.stopping) return hasEnded(this.child) ? 'ended' : 'draining';
    return this.serves ? 'running' : 'restarting';
  }

  async stop(withinMs: number): Promise<void> {
    this.stopping = true;
    clearTimeout(this.restart);
    if (hasEnded(this.child)) return;
    signalQuietly(this.child.pid as number, 'SIGTERM');
    const ended = await until(() => hasEnded(this.child) || undefined, { withinMs, everyMs: 10 });
    if (ended) return;
    this.options.log(`${this.options.name} did not stop within ${Math.round(withinMs)} ms and was killed.`);
    this.kill();
    await until(() => hasEnded(this.child) || undefined, { withinMs: 1_000, everyMs: 10 });
  }

  kill(): void {
    this.stopping = true;
    clearTimeout(this.restart);
    // To the group: the forks of a gateway are killed too.
    if (!hasEnded(this.child)) signalQuietly(-(this.child.pid as number), 'SIGKILL');
  }

  private spawn(): ChildProcess {
    const { main, env, logFile } = this.options;
    this.logStart = logFile === undefined ? 0 : (statSync(logFile, { throwIfNoEntry: false })?.size ?? 0);
    const output = logFile === undefined ? 'inherit' : openSync(logFile, 'a', 0o600);
    const { port, adminPort } = this.readiness;
    // A restarted process keeps its ports: other processes may have stored them.
    const ports = {
      ...(port > 0 && 'PORT' in env ? { PORT: String(port) } : {}),
      ...(adminPort && 'ADMIN_PORT' in env ? { ADMIN_PORT: String(adminPort) } : {}),
    };
    const [program = '', ...args] = withDeathSignal([process.execPath, main], 'CONT');
    const child = spawn(program, args, {
      detached: true,
      env: { ...UNPACED, ...env, ...ports },
      stdio: ['ignore', output, output, 'ipc'],
    });
    if (typeof output === 'number') closeSync(output);
    this.startedAt = performance.now();
    child.on('message', (message) => {
      if (isReady(message)) {
        this.readiness = message;
        this.serves = true;
      } else if (isAboutForks(message)) this.forks = message.forks;
    });
    child.once('exit', (code, signal) => this.onExit(signal ?? `exit code ${code}`));
    return child;
  }

  private onExit(how: string): void {
    this.serves = false;
    this.forks = this.forks.map(({ name, state }) => ({
      name,
      pid: 0,
      state: state === 'ended' ? state : 'restarting',
    }));
    if (this.stopping || this.readiness.port === 0) return;
    if (performance.now() - this.startedAt > HEALTHY_AFTER_MS) this.pauseMs = FIRST_PAUSE_MS;
    this.options.log(`${this.options.name} ended unexpectedly (${how}); restart in ${this.pauseMs} ms.`);
    // Forks of a gateway that was killed with -9 may still hold the port.
    signalQuietly(-(this.child.pid as number), 'SIGKILL');
    this.restart = setTimeout(() => {
      this.child = this.spawn();
    }, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, this.options.longestPauseMs ?? LONGEST_PAUSE_MS);
  }

  private startFailure(): string {
    const { name, logFile } = this.options;
    const output = logFile === undefined ? '' : readFileSync(logFile).subarray(this.logStart).toString('utf8').trim();
    const what = hasEnded(this.child)
      ? `${name} could not start`
      : `${name} was not ready within ${READY_WITHIN_MS / 1000} s`;
    return output === '' ? `${what}; its output is above.` : `${what}: ${output.slice(-2_000)}`;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

function isReady(message: unknown): message is ReadyMessage {
  return isOfType(message, 'ready') && 'port' in message;
}

function isAboutForks(message: unknown): message is ForksMessage {
  return isOfType(message, 'forks') && 'forks' in message;
}

function isOfType(message: unknown, type: string): message is object {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === type;
}
