import { expect } from 'chai';
import { messageLink, parseRoute, runbookLink, userLink } from '../../src/cluster/data/page-route.ts';

describe('the address of the cluster view', () => {
  it('carries any user id, message id and section', () => {
    for (const userId of ['alice', 'a/b?c#d', '50 %', 'пользователь', '#/user/x']) {
      expect(parseRoute(userLink(userId))).to.deep.equal({ view: 'user', userId });
    }
    expect(parseRoute(messageLink('0193-a'))).to.deep.equal({ view: 'message', id: '0193-a' });
    expect(parseRoute(runbookLink('chatnoworker'))).to.deep.equal({ view: 'runbook', section: 'chatnoworker' });
  });

  it('shows the overview for everything else', () => {
    for (const hash of ['', '#', '#gateways', '#/user/', '#/other/x']) {
      expect(parseRoute(hash)).to.deep.equal({ view: 'overview' });
    }
  });

  it('takes a wrong encoding as it is', () => {
    expect(parseRoute('#/user/50%')).to.deep.equal({ view: 'user', userId: '50%' });
  });
});
