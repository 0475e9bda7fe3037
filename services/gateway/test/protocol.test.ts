import { startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { CLIENT_KINDS, describeProtocol } from '@chat-cluster/testkit/protocol-suite';

describe('the protocol on two gateways behind the sticky entry', () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startTestCluster();
  });
  after(() => cluster.stop());

  for (const [kind, clients] of Object.entries(CLIENT_KINDS)) {
    describe(`with ${kind} clients`, () => describeProtocol(() => cluster, { clients }));
  }
});
