import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const careless = fileURLToPath(new URL('./logging-process.ts', import.meta.url));

describe('logger', () => {
  const logs: Record<string, string> = {};

  before(() =>
    Promise.all(
      ['json', 'pretty'].map(async (format) => {
        const { stdout } = await promisify(execFile)(process.execPath, [careless, format]);
        logs[format] = stdout;
      }),
    ),
  );

  const linesOf = (format: string) => (logs[format] ?? '').trimEnd().split('\n');

  it('writes one JSON object per line, including the last line, and nothing below its level', () => {
    const lines = linesOf('json').map((line) => JSON.parse(line));
    expect(lines.map((line) => line.msg)).to.deep.equal([
      'at the top',
      'a handshake',
      'a request',
      'messages',
      'an error',
      'an error of Postgres',
      'from a child',
      'the last line',
    ]);
    expect(lines.at(-1)).to.include({ name: 'careless', level: 30, conversation: 'kept', seq: 7 });
    expect(lines[2].request.method).to.equal('GET');
    expect(lines[4].err).to.include({ type: 'Error' });
    expect(lines[5].err).to.include({ code: '23502' });
    expect(lines[4].err.stack).to.include('logging-process.ts');
  });

  for (const format of ['json', 'pretty']) {
    it(`masks tokens, authorisation, cookies and message bodies in ${format}`, () => {
      const text = linesOf(format).join('\n');
      expect(text).to.include('the last line');
      expect(text.match(/\[redacted\]/g)).to.have.length.at.least(7 * 6);
      expect(text.match(/hush-\w+/g)).to.equal(null);
    });
  }
});
