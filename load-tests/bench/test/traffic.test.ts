import { expect } from 'chai';
import type { ConnectedConversation, Connection } from '../src/traffic/connection.ts';
import type { Run } from '../src/traffic/run.ts';
import { Traffic } from '../src/traffic/traffic.ts';
import { attribute, nameOf } from '../src/traffic/xmpp-connection.ts';

/**
 * The traffic of a pair, or of a group, on a server that delivers and acknowledges as `deliver` does, for each message in
 * turn.
 */
function trafficOn(run: Partial<Run>, deliver: typeof settle, users: string[] = ['a', 'b']): Traffic {
  const send: Connection['send'] = ({ id }, onAck) => void setImmediate(deliver, traffic, id, () => onAck(undefined));
  const connections = users.map(() => ({ send, close() {} }));
  const conversation: ConnectedConversation = { conversationId: 'c', users, connections };
  const defaults = { inFlight: 2, warmUpSeconds: 0.01, seconds: 0.01, size: 20, processes: [] };
  const plan = { devicesPerMessage: users.length, acks: true };
  const traffic = new Traffic([conversation], { ...defaults, ...run }, plan, 0);
  return traffic;
}

function settle(traffic: Traffic, id: string, acknowledge: () => void): void {
  for (const device of [0, 1] as const) traffic.received(0, device, id, undefined);
  acknowledge();
}

describe('the traffic', () => {
  it('continues a closed loop until it has measured something', async () => {
    const outcome = await trafficOn({}, (traffic, id, acknowledge) => {
      setTimeout(settle, 50, traffic, id, acknowledge);
    }).run();
    expect(outcome.deliveredPerSecond).to.be.greaterThan(0);
    expect(outcome.delivery.p50).to.be.at.least(49);
  });

  it('ends a closed loop after a number of messages', async () => {
    const outcome = await trafficOn({ messages: 10, seconds: 60 }, settle).run();
    expect(outcome).to.include({ sent: 10, lost: 0, duplicated: 0, reordered: 0 });
  });

  it('of a group settles a message that all devices have received, and counts repeated deliveries to each', async () => {
    const users = Array.from({ length: 40 }, (_, i) => `user-${i}`);
    const deliver: typeof settle = (traffic, id, acknowledge) => {
      acknowledge();
      for (const device of [39, 39, ...users.keys()].slice(0, -1)) traffic.received(0, device, id, undefined);
    };
    const outcome = await trafficOn({ messages: 3, seconds: 60 }, deliver, users).run();
    expect(outcome).to.include({ sent: 3, lost: 0, duplicated: 3, reordered: 0 });
  });

  it('counts repeated deliveries, and the ones that violate the order of a sender or of the conversation', async () => {
    const ids: string[] = [];
    const acks: (() => void)[] = [];
    const outcome = await trafficOn({ inFlight: 4, messages: 4, seconds: 60 }, (traffic, id, acknowledge) => {
      acks.push(acknowledge);
      if (ids.push(id) < 4) return;
      const [first, second, third, fourth] = ids as [string, string, string, string];
      // Device 0: a later message of the same sender first. Device 1: a higher seq of the other sender first.
      for (const one of [third, first, second, fourth]) traffic.received(0, 0, one, undefined);
      for (const [i, one] of ids.entries()) traffic.received(0, 1, one, [2, 1, 3, 4][i]);
      traffic.received(0, 1, fourth, 4);
      for (const ack of acks) ack();
      traffic.received(0, 0, first, undefined);
    }).run();
    expect(outcome).to.include({ sent: 4, lost: 0, duplicated: 2, reordered: 2 });
  });
});

describe('the XMPP of the generator', () => {
  it('reads the name and the attributes of the outermost element only', () => {
    const message =
      "<message xml:lang='en' to='b@localhost/1' from='a@localhost/2' type='chat' id='3.17' xmlns='jabber:client'>" +
      "<archived by='b@localhost' id='1'/><body>id='9'</body></message>";
    expect(nameOf(message)).to.equal('message');
    expect([attribute(message, 'id'), attribute(message, 'type')]).to.deep.equal(['3.17', 'chat']);
    expect(nameOf("<stream:features xmlns:stream='x'><mechanisms/></stream:features>")).to.equal('features');
    expect(attribute('<a xmlns="urn:xmpp:sm:3" h="12"/>', 'h')).to.equal('12');
    expect(attribute("<message xmlns='jabber:client'><stanza-id id='5'/></message>", 'id')).to.equal('');
  });
});
