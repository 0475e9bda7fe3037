import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const program = fileURLToPath(new URL('./printing-process.ts', import.meta.url));

interface Line {
  level: number;
  msg: string;
  err?: { stack: string };
}

/** Runs the process. Everything that it prints must be a line of JSON, on stdout. */
function linesOf(how: string, env: NodeJS.ProcessEnv = {}): { lines: Line[]; status: number | null } {
  const run = spawnSync(process.execPath, [program, how], { encoding: 'utf8', env: { ...process.env, ...env } });
  expect(run.stderr).to.equal('');
  return {
    status: run.status,
    lines: run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

describe('the output of a process', () => {
  it('is a log line, in whatever way a library prints it', () => {
    const { lines } = linesOf('ends');
    const texts = lines.map(({ level, msg }) => `${level} ${msg.split('\n')[0]}`);
    expect(texts.slice(0, 4)).to.deep.equal([
      '40 IMPORTANT! printed for each connection',
      '30 a line with arguments',
      "30 { an: 'object' }",
      '40 Error: an error with a stack',
    ]);
    expect(texts.slice(5)).to.deep.equal([
      '40 Trace: a trace',
      '40 written',
      '30 as bytes',
      '30 awaited',
      '40 node: a warning',
      texts.at(-1),
    ]);
    expect(texts.at(-1)).to.include('Buffer() is deprecated');
    expect(lines.at(-1)?.err?.stack).to.include('printing-process.ts');
    expect(lines[3]?.msg).to.include('printing-process.ts');
  });

  it('has the failure of its main function as the last line', () => {
    const { lines, status } = linesOf('fails');
    expect(status).to.equal(1);
    expect(lines.at(-1)).to.include({ level: 60, msg: 'the process cannot go on: a fault' });
    expect(lines.at(-1)?.err?.stack).to.include('printing-process.ts');
  });

  it('is JSON also before there is a logger, if LOG_FORMAT is json', () => {
    const { lines, status } = linesOf('fails at once', { LOG_FORMAT: 'json' });
    expect(status).to.equal(1);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include({ level: 60, msg: 'the process cannot go on: no logger yet' });
  });
});
