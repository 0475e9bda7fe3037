import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildWeb, repository } from '@chat-cluster/local-cluster';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('the build of the web page', () => {
  it('runs once for the same sources, also when two processes need it at the same time', async () => {
    await using folder = temporaryFolder();
    const lines: string[] = [];
    const options = { log: (line: string) => lines.push(line), builds: folder.path };
    const [first, second] = await Promise.all([buildWeb(options), buildWeb(options)]);
    expect(second).to.equal(first);
    expect(lines.sort().map((line) => line.split(' ')[0])).to.deep.equal(['Building', 'Waiting']);
    expect(readdirSync(first).sort()).to.deep.equal(['assets', 'cluster.html', 'index.html']);
    expect(readFileSync(join(first, 'index.html'), 'utf8')).to.match(/<script type="module"[^>]* src="\/assets\//);

    expect(await buildWeb(options)).to.equal(first);
    expect(lines).to.have.length(2);
    expect(readdirSync(folder.path)).to.have.length(1);
  });

  it('leaves earlier builds as they are, and states why a build fails', async () => {
    await using folder = temporaryFolder();
    const source = copyOfSources(join(folder.path, 'source'));
    const options = { log: () => undefined, source, builds: join(folder.path, 'builds') };
    const page = join(source, 'services/web/index.html');
    const html = readFileSync(page, 'utf8');
    const before = await buildWeb(options);
    writeFileSync(page, html.replace('<title>', '<title>New '));
    const after = await buildWeb(options);
    expect(readFileSync(join(before, 'index.html'), 'utf8')).not.to.include('New');
    expect(readFileSync(join(after, 'index.html'), 'utf8')).to.include('New');

    writeFileSync(page, html.replace('/src/chat/main.tsx', '/src/missing.tsx'));
    const failure = await buildWeb(options).then(String, (error: Error) => error.message);
    expect(failure).to.match(/^The web page could not be built: .*missing\.tsx/s);
    expect(readdirSync(options.builds)).to.have.length(2);
  });

  it('names the folder that cannot be written', async () => {
    await using folder = temporaryFolder();
    const builds = join(folder.path, 'file', 'builds');
    writeFileSync(join(folder.path, 'file'), '');
    const failure = await buildWeb({ log: () => undefined, builds }).then(String, (error: Error) => error.message);
    expect(failure).to.equal(`The web page could not be built: ${builds} is not writable (ENOTDIR).`);
  });
});

/** The sources of the page in another folder, with the installed packages of this one. */
function copyOfSources(to: string): string {
  const isSource = (file: string) => !/\/(node_modules|dist)$/.test(file);
  cpSync(join(repository, 'services/web'), join(to, 'services/web'), { recursive: true, filter: isSource });
  cpSync(join(repository, 'tsconfig.base.json'), join(to, 'tsconfig.base.json'));
  symlinkSync(join(repository, 'services/web/node_modules'), join(to, 'services/web/node_modules'));
  return to;
}
