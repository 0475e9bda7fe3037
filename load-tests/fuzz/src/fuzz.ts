import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '@chat-cluster/testkit';
import type { Finding } from './findings.ts';
import type { Input } from './input.ts';
import { Connections } from './invariants/connections.ts';
import { HonestUsers } from './invariants/honest-users.ts';
import { Processes } from './invariants/processes.ts';
import { sendInput } from './send-input.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  seed: string;
  inputs: Iterable<Input>;
  /** Inputs are sent for this time, in ms, or until there are no more. */
  durationMs: number;
  /** Multiplies all limits of time: more than 1 on a machine that other work slows down. */
  timeFactor?: number;
  /** Longest wait at the end for every connection to be closed, in ms. Default: only for those without a token. */
  keepMs?: number;
  signal?: AbortSignal;
}

export interface FuzzReport {
  findings: Finding[];
  sent: number;
  /** Inputs whose connection the gateway refused. */
  refused: number;
  summary: string;
}

/** Inputs that are sent at the same time. */
const LANES = 6;
/** Pause of a lane after each input, in ms: the load of the inputs, not their number, must stay low. */
const PAUSE_MS = 20;
const CHECK_EVERY_MS = 200;
/** Inputs that are saved with a finding that has no single cause. */
const RECENT_INPUTS = 200;
/** How long the connections without a token are awaited at the end, in ms. */
const SETTLE_MS = 12_500;

/**
 * Sends the inputs to the gateways of a cluster and checks its invariants meanwhile. A process that ends, or an honest
 * user who suffers, ends the run; a connection that is kept too long is a finding and the run continues.
 */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, durationMs, timeFactor = 1, keepMs = 0, signal } = options;
  const findings: Finding[] = [];
  const recent: Input[] = [];
  const report = (problem: string, inputs: Input[]) => findings.push({ mode: target.mode, seed, problem, inputs });
  const processes = new Processes(target);
  const connections = new Connections(timeFactor);
  await using honest = await HonestUsers.start(target, timeFactor);
  const stop = new AbortController();
  const isOver = () => stop.signal.aborted || signal?.aborted === true;
  let sent = 0;
  let refused = 0;

  const checkAll = () => {
    for (const { input, problem } of connections.overdue()) {
      if (!findings.some((known) => known.inputs.at(-1)?.generator === input.generator)) report(problem, [input]);
    }
    const [fatal] = [...processes.problems(), ...honest.problems, ...processes.growth()];
    if (fatal === undefined || stop.signal.aborted) return;
    report(fatal, [...recent]);
    stop.abort();
  };
  const checking = setInterval(checkAll, CHECK_EVERY_MS);

  const deadline = performance.now() + durationMs;
  const inputs = Iterator.from(options.inputs);
  const lane = async (index: number) => {
    while (performance.now() < deadline && !isOver()) {
      const { value: input, done } = inputs.next();
      if (done) return;
      recent.push(input);
      if (recent.length > RECENT_INPUTS) recent.shift();
      sent++;
      const port = target.ports[(sent + index) % target.ports.length] ?? 0;
      await sendInput(input, port, target).then(
        (raw) => connections.watch(input, raw),
        () => refused++,
      );
      await delay(PAUSE_MS);
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
    const ended = performance.now();
    const isSettled = () => {
      const waitedMs = performance.now() - ended;
      return waitedMs < keepMs ? connections.count === 0 : waitedMs > settleMs || connections.unauthenticated === 0;
    };
    const settleMs = SETTLE_MS * timeFactor;
    while (!isSettled() && !isOver()) await delay(CHECK_EVERY_MS);
    checkAll();
    if (!stop.signal.aborted) for (const problem of honest.slowness()) report(problem, [...recent]);
  } finally {
    clearInterval(checking);
    connections.closeAll();
    await processes.stop();
  }
  const ms = (values: readonly number[]) => `${Math.round(quantile(values, 0.99))} ms`;
  const latencies = `p99 of messages ${ms(honest.messagesMs)}, of connects ${ms(honest.connectsMs)}`;
  const memory = await processes.figures();
  return { findings, sent, refused, summary: `${sent} inputs, ${refused} refused; ${latencies}; gateways ${memory}` };
}
