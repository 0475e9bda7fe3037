import { expect } from 'chai';
import { backOff } from '../lib/back-off.js';
import { decode, encodeAck, encodeConnect, encodeDisconnect, encodeEvent, socketUrl } from '../lib/framing.js';

describe('k6: framing', () => {
  it('decodes Engine.IO packets', () => {
    const open = '0{"sid":"a1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';
    expect(decode(open)).to.deep.equal({ kind: 'open', sid: 'a1', pingInterval: 25_000, pingTimeout: 20_000 });
    expect(['1', '2', '2probe', '3', '6'].map((frame) => decode(frame).kind)).to.deep.equal([
      'close',
      'ping',
      'ping',
      'pong',
      'nothing',
    ]);
  });

  it('decodes Socket.IO packets', () => {
    expect(decode('40{"sid":"b2"}')).to.deep.equal({ kind: 'connected', namespace: '/', sid: 'b2' });
    expect(decode('40')).to.deep.equal({ kind: 'connected', namespace: '/', sid: undefined });
    expect(decode('41')).to.deep.equal({ kind: 'disconnected', namespace: '/' });
    expect(decode('42["hi",1,{"a":null}]')).to.deep.equal(event('/', undefined, 'hi', [1, { a: null }]));
    const refused = decode('44{"message":"no","data":{"code":"TOKEN_EXPIRED"}}');
    expect(refused).to.deep.equal({ kind: 'refused', namespace: '/', message: 'no', data: { code: 'TOKEN_EXPIRED' } });
    expect(decode('44"no"')).to.deep.equal({ kind: 'refused', namespace: '/', message: 'no', data: undefined });
  });

  it('decodes the ids of acks, and of events that request one', () => {
    expect(decode('430[{"ok":true}]')).to.deep.equal({ kind: 'ack', namespace: '/', id: 0, args: [{ ok: true }] });
    expect(decode('4312345678[]')).to.deep.equal({ kind: 'ack', namespace: '/', id: 12_345_678, args: [] });
    expect(decode('427["sum",1,2]')).to.deep.equal(event('/', 7, 'sum', [1, 2]));
  });

  it('decodes namespaces, with a query and with an id', () => {
    expect(decode('42/chat,["hi"]')).to.deep.equal(event('/chat', undefined, 'hi', []));
    expect(decode('42/chat,7["hi"]')).to.deep.equal(event('/chat', 7, 'hi', []));
    expect(decode('40/chat?a=1,{"sid":"c3"}')).to.deep.equal({ kind: 'connected', namespace: '/chat', sid: 'c3' });
    expect(decode('41/chat,')).to.deep.equal({ kind: 'disconnected', namespace: '/chat' });
    expect(decode('42["/chat,",1]')).to.deep.equal(event('/', undefined, '/chat,', [1]));
  });

  it('keeps text unchanged: braces, digits, line breaks and emoji', () => {
    for (const text of ['4', '["x"]', 'a\nb\u2028c', '🙂', '"\\"', ''])
      expect(decode(encodeEvent('text', [text]))).to.deep.equal(event('/', undefined, 'text', [text]));
  });

  it('reports malformed packets without throwing', () => {
    const malformed = [
      '',
      '0',
      '0{"sid":1}',
      '0[]',
      '5',
      '9x',
      'hello',
      '4',
      '47',
      '4x',
      '42',
      '42{}',
      '42[]',
      '42[1]',
    ];
    malformed.push('42["a"', '43[1]', '431', '431{}', '44', '44[1]', '40{', '42/chat["hi"]');
    for (const frame of malformed) {
      const packet = decode(frame);
      expect(packet.kind, frame).to.equal('unreadable');
      expect(packet, frame).to.have.property('reason').that.is.a('string').and.is.not.empty;
    }
  });

  it('reports binary packets: attachments, and messages that are not text', () => {
    for (const frame of ['451-["file",{"_placeholder":true,"num":0}]', '461-7[{"_placeholder":true,"num":0}]'])
      expect(decode(frame)).to.deep.equal({ kind: 'unreadable', reason: 'binary attachments' });
    for (const frame of [new ArrayBuffer(3), new Uint8Array([1]), new Blob(['x']), undefined])
      expect(decode(frame)).to.deep.equal({ kind: 'unreadable', reason: 'a binary message' });
  });

  it('encodes what it decodes', () => {
    expect(encodeConnect({ token: 'x' })).to.equal('40{"token":"x"}');
    expect(encodeConnect({}, '/chat')).to.equal('40/chat,{}');
    expect(encodeDisconnect()).to.equal('41');
    expect(encodeDisconnect('/chat')).to.equal('41/chat,');
    expect(encodeEvent('hi', [])).to.equal('42["hi"]');
    expect(encodeEvent('hi', [1, null], 0)).to.equal('420["hi",1,null]');
    expect(decode(encodeEvent('hi', [{ a: 1 }], 31, '/chat'))).to.deep.equal(event('/chat', 31, 'hi', [{ a: 1 }]));
    expect(decode(encodeAck(5, ['yes']))).to.deep.equal({ kind: 'ack', namespace: '/', id: 5, args: ['yes'] });
  });

  it('builds websocket URLs', () => {
    expect(socketUrl('http://127.0.0.1:3000')).to.equal('ws://127.0.0.1:3000/socket.io/?EIO=4&transport=websocket');
    expect(socketUrl('https://a.example/chat/')).to.equal('wss://a.example/chat/socket.io/?EIO=4&transport=websocket');
    for (const url of ['', 'a.example', 'ws://a.example', 'http://', 'http://a.example?x=1'])
      expect(() => socketUrl(url), url).to.throw('is not a URL');
  });
});

describe('k6: the back-off', () => {
  it('is that of a stock client: 1 s, doubled up to 5 s, half shorter to half longer', () => {
    const times = (random: number) => [0, 1, 2, 3, 500].map((attempt) => backOff(attempt, () => random));
    expect(times(0)).to.deep.equal([500, 1_000, 2_000, 4_000, 5_000]);
    expect(times(0.5)).to.deep.equal([1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(times(1)).to.deep.equal([1_500, 3_000, 5_000, 5_000, 5_000]);
  });
});

function event(namespace: string, id: number | undefined, name: string, args: unknown[]) {
  return { kind: 'event', namespace, id, name, args };
}
