/*
 * The load generator: a process with all devices of one arm, the same for every arm. arms/under-load.ts forks it.
 */

import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import { serveParent } from '@chat-cluster/testkit/processes';
import { CONNECTS_AT_ONCE, connectConversations, connectDevice, type TrafficPlan } from './connect-conversations.ts';
import type { ConnectedConversation, Device } from './connection.ts';
import type { Outcome, Run } from './run.ts';
import { Traffic } from './traffic.ts';

let plan: TrafficPlan;
let conversations: ConnectedConversation[] = [];
let traffic: Traffic | undefined;
let death: string | undefined;
let runs = 0;

const methods = {
  async connect(given: TrafficPlan): Promise<void> {
    plan = given;
    conversations = await connectConversations(plan, () => traffic, die);
  },

  /** Connects idle devices beside those of the conversations, until the process ends. */
  async hold(devices: Device[]): Promise<void> {
    const events = { message() {}, closed: die };
    await mapConcurrently(devices, CONNECTS_AT_ONCE, (device) => connectDevice(plan, device, events));
  },

  run(run: Run): Promise<Outcome> {
    traffic = new Traffic(conversations, run, plan, runs++);
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
