export type { FakeDelivery, FakeScope } from './deliveries.ts';
export { createFakeCluster } from './fake-cluster.ts';
export type { FakeBackup } from './history.ts';
export type { FakeRefusal, FakeRequest } from './refusals.ts';
export type {
  FakeCluster,
  FakeClusterOptions,
  FakeConnectionInfo,
  FakeRequestRecord,
  FakeSend,
} from './types.ts';
