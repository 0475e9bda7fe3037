import { describeBalancer, expectDrain } from '@chat-cluster/testkit/balancer-suite';
import { reloadWith, startNginx } from './nginx.ts';

describe('nginx before three gateways', () => {
  const balanced = describeBalancer(startNginx);

  it('a gateway that is marked as down for new sessions keeps those it has', async () => {
    const { balancer } = balanced();
    await expectDrain(balanced(), () =>
      reloadWith(balancer, (config) => config.replace(' max_fails=1', ' down max_fails=1')),
    );
    await reloadWith(balancer, (config) => config.replace(' down', ''));
  });
});
