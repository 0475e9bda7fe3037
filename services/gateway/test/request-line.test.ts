import { expect } from 'chai';
import { hasRequestLine, sessionIn } from '../src/cluster/request-line.ts';

describe('the request line, which decides on the process', () => {
  const session = (line: string) => sessionIn(Buffer.from(`${line}\r\nHost: x\r\n\r\n`));
  const poll = (query: string) => session(`GET /socket.io/?EIO=4&transport=polling${query} HTTP/1.1`);

  it('has a session only in the parameter `sid`, as engine.io reads it', () => {
    expect(poll('&sid=a1-_')).to.equal('a1-_');
    expect(session('GET /socket.io/?sid=first&sid=last HTTP/1.1')).to.equal('last');
    expect(poll('&%73id=%61')).to.equal('a');
    expect(session('POST http://chat.example/socket.io/?sid=absolute HTTP/1.1')).to.equal('absolute');
    for (const query of ['', '&sid=', '&sessid=abcdefghij0123456789', '&x=?sid=abcdefghij0123456789', '&SID=a']) {
      expect(poll(query), query).to.equal(undefined);
    }
    expect(session('GET /socket.io/#?sid=a HTTP/1.1')).to.equal(undefined);
  });

  it('has none in headers, in a body, or in what is not HTTP', () => {
    expect(session('GET / HTTP/1.1\r\nReferer: http://x/?sid=abcdefghij0123456789')).to.equal(undefined);
    for (const line of ['', ' ', '?sid=a', 'GET', 'GET http://[?sid=a HTTP/1.1', '\0\xff']) {
      expect(session(line), line).to.equal(undefined);
    }
  });

  it('is complete with its line feed; empty lines before it are skipped, and waiting ends at 16 kB', () => {
    const isComplete = (head: string) => hasRequestLine(Buffer.from(head));
    expect(['', 'GET /', 'GET / HTTP/1.1\r', '\r\n\r\n', '\r\nGET /'].map(isComplete)).to.not.include(true);
    expect(['GET / HTTP/1.1\r\n', 'GET / HTTP/1.1\n', '\r\n\r\nGET / HTTP/1.1\r\n'].map(isComplete)).to.not.include(
      false,
    );
    expect(sessionIn(Buffer.from('\r\n\r\nGET /?sid=a HTTP/1.1\r\n'))).to.equal('a');
    expect(isComplete('a'.repeat(16_384))).to.equal(false);
    expect(isComplete('a'.repeat(16_385))).to.equal(true);
    expect(isComplete('\n'.repeat(16_385))).to.equal(true);
  });
});
