import { defineExperiment, type Experiment } from './experiment.ts';
import { CLUSTER_VIEW_OPTIONS, measureClusterView, reportClusterView } from './experiments/cluster-view.ts';
import { ARMS, COMPARE_OPTIONS, measureArms } from './experiments/compare/measure.ts';
import { reportCompare } from './experiments/compare/report.ts';
import { EMITTER_OPTIONS, measureEmitter } from './experiments/emitter/measure.ts';
import { reportEmitter } from './experiments/emitter/report.ts';
import { GROUP_SIZES_OPTIONS, measureGroupSizes, reportGroupSizes } from './experiments/group-sizes.ts';
import { GROUPS_OPTIONS, measureGroups } from './experiments/groups/measure.ts';
import { reportGroups } from './experiments/groups/report.ts';
import { IDLE_OPTIONS, measureIdle } from './experiments/idle/measure.ts';
import { reportIdle } from './experiments/idle/report.ts';
import { LONG_LIST_OPTIONS, measureLongList } from './experiments/long-list/measure.ts';
import { reportLongList } from './experiments/long-list/report.ts';
import { measureOverload, OVERLOAD_OPTIONS } from './experiments/overload/measure.ts';
import { reportOverload } from './experiments/overload/report.ts';
import { measurePairs, PAIRS_OPTIONS, reportPairs } from './experiments/pairs.ts';
import { measureScale, SCALE_OPTIONS } from './experiments/scale/measure.ts';
import { reportScale } from './experiments/scale/report.ts';
import { measureStorm, STORM_OPTIONS } from './experiments/storm/measure.ts';
import { reportStorm } from './experiments/storm/report.ts';
import { measureVersions, reportVersions, VERSIONS_OPTIONS } from './experiments/versions.ts';

/** All experiments: the question that each answers, its options, how it measures and what it reports. */
export const EXPERIMENTS: readonly Experiment[] = [
  defineExperiment({
    name: 'pairs',
    about: 'pairs of users send messages as fast as they can, or at a rate (the default)',
    help: `Starts a cluster in a temporary folder, as npm start does. Pairs of users on different gateways send messages. Prints
throughput, latencies and losses. Every message is delivered to both sides, and acknowledged after the commit.`,
    options: PAIRS_OPTIONS,
    run: async (options, log) => reportPairs(options, await measurePairs(options, log)),
  }),
  defineExperiment({
    name: 'compare',
    about: 'this cluster beside a relay, the plain designs and ejabberd',
    help: `Each arm is one system: this cluster, or an alternative that you could build or install. All get the same load, Redis,
Postgres and number of processes, one arm at a time, in several rounds with a rotating order.

${ARMS.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join('\n')}`,
    options: COMPARE_OPTIONS,
    run: async (options, log) => reportCompare(await measureArms(options, log)),
  }),
  defineExperiment({
    name: 'versions',
    about: 'this checkout beside an earlier commit',
    help: `What a change costs. Both versions run at the same time, and have traffic in turn. The earlier one is installed below
.local/versions, and kept there.`,
    options: VERSIONS_OPTIONS,
    run: async (options, log) => reportVersions(options, await measureVersions(options, log)),
  }),
  defineExperiment({
    name: 'scale',
    about: 'what a message costs with 1 to 8 gateways, for the sharded and the classic adapter',
    help: `The same users and the same rate: CPU of every process, and how many gateways receive a message. For the sharded and the
classic Socket.IO adapter in turn; every gateway is a process with an address of its own.`,
    options: SCALE_OPTIONS,
    run: async (options, log) => reportScale(options, await measureScale(options, log)),
  }),
  defineExperiment({
    name: 'groups',
    about: 'one message to 500 online members of a group, beside relays with one room',
    help: `One group, whose members are spread over the gateways and send in turn; and stock Socket.IO servers, with each of the Redis
adapters, that emit to a room of as many users. Throughput, CPU of a delivery by process, emits and badges.`,
    options: GROUPS_OPTIONS,
    run: async (options, log) => reportGroups(options, await measureGroups(options, log)),
  }),
  defineExperiment({
    name: 'group-sizes',
    about: 'what a message to a group costs, by the size of the group',
    help: `CPU per message and per delivery, by process, for one group of each size, at a fixed rate. What the cluster uses at rest
is not part of it.`,
    options: GROUP_SIZES_OPTIONS,
    run: async (options, log) => reportGroupSizes(options, await measureGroupSizes(options, log)),
  }),
  defineExperiment({
    name: 'idle',
    about: 'what an idle connection costs, beside a stock Socket.IO server',
    help: 'Memory of an idle connection in a gateway and CPU of its heartbeats; the stock server has the same adapter.',
    options: IDLE_OPTIONS,
    run: async (options, log) => reportIdle(await measureIdle(options, log)),
  }),
  defineExperiment({
    name: 'storm',
    about: 'a gateway is killed and all of its clients reconnect at once',
    help: 'The clients connect to the other gateway, where bystanders send messages all the time.',
    options: STORM_OPTIONS,
    run: async (options, log) => reportStorm(await measureStorm(options, log)),
  }),
  defineExperiment({
    name: 'overload',
    about: 'twice the rate that the cluster can sustain',
    help: 'The cluster must refuse the excess at once, limit its memory and its ack latency, and recover when the load falls.',
    options: OVERLOAD_OPTIONS,
    run: async (options, log) => reportOverload(await measureOverload(options, log)),
  }),
  defineExperiment({
    name: 'cluster-view',
    about: 'what the cluster view costs, closed and open',
    help: 'Idle connections on two gateways; in turn no page is open, and one that reads the overview every 2 s.',
    options: CLUSTER_VIEW_OPTIONS,
    run: async (options, log) => reportClusterView(await measureClusterView(options, log)),
  }),
  defineExperiment({
    name: 'emitter',
    about: "what publishing costs the worker: its emitter beside Socket.IO's own server",
    help: `The server has no clients and the sharded adapter. Each message goes to two users, in batches of 1, 20 and 100.
"loop alone" is the same process when it publishes nothing.`,
    options: EMITTER_OPTIONS,
    run: async (options, log) => reportEmitter(options, await measureEmitter(options, log)),
  }),
  defineExperiment({
    name: 'long-list',
    about: 'the chat page with 100,000 messages in a conversation',
    help: `Opens the page in Chromium, on a cluster in a temporary folder. The reader stays at the end of a conversation, then scrolls up
through its history, while messages arrive: work per frame, jumps and memory.`,
    options: LONG_LIST_OPTIONS,
    run: async (options, log) => reportLongList(options, await measureLongList(options, log)),
  }),
];
