import { createRequire } from 'node:module';
import { expect } from 'chai';
import { joinFrames } from '../src/socket/joined-frames.ts';

describe('frames in one piece', () => {
  it('are those that ws would write, one after the other, whatever their length', () => {
    const texts = ['2["a"]', 'ü€😀', '', 'x'.repeat(124), 'y'.repeat(125), 'z'.repeat(65_534), 'w'.repeat(65_535)];
    const joined = joinFrames(texts.map((data) => ({ type: 'message', data })));
    expect(joined).to.deep.equal(Buffer.concat(texts.flatMap((text) => frame(`4${text}`))));
  });

  it('take those that are encoded already as they are', () => {
    const encoded = frame('42["encoded"]');
    const of = (wsPreEncodedFrame: Buffer[]) => ({ type: 'message', options: { wsPreEncodedFrame } });
    const joined = joinFrames([of(encoded), { type: 'message', data: '3["ack"]' }]);
    expect(joined).to.deep.equal(Buffer.concat([...encoded, ...frame('43["ack"]')]));
    expect(joinFrames([of(encoded)])).to.deep.equal(Buffer.concat(encoded));
  });

  it('are left to engine.io where a packet is no text', () => {
    const text = { type: 'message', data: 'text' };
    expect(joinFrames([text, { type: 'ping' }])).to.equal(undefined);
    expect(joinFrames([text, { type: 'message', data: Buffer.from('bytes') }])).to.equal(undefined);
  });
});

/** As the ws of our engine.io makes it for a server. */
function frame(text: string): Buffer[] {
  const engine = createRequire(import.meta.resolve('socket.io')).resolve('engine.io');
  const { Sender } = createRequire(engine)('ws') as { Sender: { frame(data: Buffer, options: object): Buffer[] } };
  return Sender.frame(Buffer.from(text), { fin: true, opcode: 1, mask: false, readOnly: false, rsv1: false });
}
