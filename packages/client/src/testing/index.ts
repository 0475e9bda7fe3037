/** The types of the contract that this entry uses beside those of the client. */
export type { Group, GroupChange } from '@chat-cluster/contracts';
export type { FakeDelivery, FakeScope } from './deliveries.ts';
export { createFakeCluster } from './fake-cluster.ts';
export type { FakeBackup, FakeCounts } from './history.ts';
export { memoryStore } from './memory-store.ts';
export type { FakeMessageChange } from './message-changes.ts';
export type { FakeRefusal, FakeRequest } from './refusals.ts';
export type {
  FakeCluster,
  FakeClusterOptions,
  FakeConnectionInfo,
  FakeRequestRecord,
  FakeSend,
} from './types.ts';
