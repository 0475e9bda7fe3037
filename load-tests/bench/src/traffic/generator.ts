/*
 * The load generator: a process with all devices of one arm, the same for every arm. arms/under-load.ts forks it.
 */

import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import { serveParent } from '@chat-cluster/testkit/processes';
import { CONNECTS_AT_ONCE, connectDevice, connectPairs, type PairsPlan } from './connect-pairs.ts';
import type { ConnectedPair, Device } from './connection.ts';
import type { Outcome, Run } from './run.ts';
import { Traffic } from './traffic.ts';

let plan: PairsPlan;
let pairs: ConnectedPair[] = [];
let traffic: Traffic | undefined;
let death: string | undefined;
let runs = 0;

const methods = {
  async connect(given: PairsPlan): Promise<void> {
    plan = given;
    pairs = await connectPairs(plan, () => traffic, die);
  },

  /** Connects idle devices beside the pairs, until the process ends. */
  async hold(devices: Device[]): Promise<void> {
    const events = { message() {}, closed: die };
    await mapConcurrently(devices, CONNECTS_AT_ONCE, (device) => connectDevice(plan, device, events));
  },

  run(run: Run): Promise<Outcome> {
    traffic = new Traffic(pairs, run, plan, runs++);
    if (death !== undefined) traffic.die(death);
    return traffic.run();
  },
};

export type GeneratorMethods = typeof methods;

serveParent(methods);

function die(reason: string): void {
  death ??= reason;
  traffic?.die(reason);
}
