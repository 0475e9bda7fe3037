import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { findProgram, type WantedProgram } from '../src/index.ts';

const WANTED: WantedProgram = {
  names: ['chat-cluster-example'],
  versionFlag: '--version',
  versionOf: (output) => /^Example (\S+)/.exec(output)?.[1],
};

describe('a program of an unpacked Debian package', () => {
  let tools: string;
  let tree: string;
  beforeEach(() => {
    tools = mkdtempSync(join(tmpdir(), 'chat-tools-'));
    tree = join(tools, `chat-${process.platform}-${process.arch}`);
  });
  afterEach(() => rmSync(tools, { recursive: true, force: true }));

  it('runs with the libraries of its tree: in usr/lib, in lib, and in their folders', async () => {
    for (const folder of ['lib/arch', 'usr/lib/arch/parts']) mkdirSync(join(tree, folder), { recursive: true });
    addProgram('usr/bin/chat-cluster-example', 'echo Example 1');
    const { env } = await findProgram(WANTED, tools, () => {});
    const folders = ['lib', 'lib/arch', 'usr/lib', 'usr/lib/arch', 'usr/lib/arch/parts'];
    expect(env.LD_LIBRARY_PATH?.split(':')).to.have.members(folders.map((folder) => join(tree, folder)));
  });

  it('is searched where its package has it', async () => {
    addProgram('usr/bin/chat-cluster-example', 'echo A script that needs the installed package; exit 1');
    addProgram('usr/lib/example/chat-cluster-example', 'echo Example 2');
    const found = await findProgram({ ...WANTED, unpackedIn: 'usr/lib/example' }, tools, () => {});
    expect(found).to.include({ program: join(tree, 'usr/lib/example/chat-cluster-example'), version: '2' });
  });

  function addProgram(path: string, script: string): void {
    const file = join(tree, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
});
