import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHROMIUM, type DebianProgram, findProgram, spawnServer, toolsFolder } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { eventually } from './eventually.ts';

export type { BrowserContext, BrowserContextOptions, CDPSession, JSHandle, Locator, Page } from 'playwright-core';

/** Time for Chromium to start, in ms. On a busy machine with two cores it takes some seconds. */
const START_MS = 30_000;
/** Time for Chromium to write its profile and end, in ms. */
const END_MS = 10_000;

/**
 * A Chromium without a screen and with a new profile. Its window behaves as on a desk: a tab behind another one is
 * hidden, and "back" shows the page that the browser has kept. Disposing of it ends all its processes and deletes the
 * profile; it throws when one of them is left.
 */
export interface TestBrowser extends AsyncDisposable {
  /** The window. `pages()` are its tabs. */
  window: BrowserContext;
  /** Opens a tab in front of the others. */
  openTab(url: string): Promise<Page>;
  /** A device of its own: it shares nothing with the window. Its pages are always visible. */
  openDevice(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Ends the process of a tab. */
  crash(tab: Page): Promise<void>;
}

const FLAGS = [
  '--headless=new',
  '--remote-debugging-port=0',
  // The sandbox needs rights that containers and root do not have. Only pages of the tests are loaded.
  '--no-sandbox',
  // In containers /dev/shm is too small.
  '--disable-dev-shm-usage',
  '--disable-gpu',
  // No requests to other servers.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--no-default-browser-check',
  '--no-first-run',
  '--no-pings',
  '--password-store=basic',
];

/**
 * Starts Chromium: the one on the PATH, or Debian's, which is fetched once and unpacked into the tools of the project.
 *
 * Its environment is empty but for `env`.
 *
 * Playwright controls it, but does not start it: it would switch off the cache for "back" and keep every tab visible.
 */
export async function startBrowser(options: { env?: NodeJS.ProcessEnv } = {}): Promise<TestBrowser> {
  const { program, env } = await obtainChromium();
  const folder = mkdtempSync(join(tmpdir(), 'chat-browser-'));
  const profile = join(folder, 'profile');
  const server = await spawnServer({
    command: [program, ...FLAGS, `--user-data-dir=${profile}`, 'about:blank'],
    cwd: folder,
    // Everything that it writes is in the folder.
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: folder, TMPDIR: folder, ...env, ...options.env },
    logFile: join(folder, 'output.log'),
    deathSignal: 'TERM',
  });
  const stop = async () => {
    await server.end([{ signal: 'SIGTERM', withinMs: END_MS }]);
    await eventually(() => expectEnded(server.pid, folder), END_MS).finally(() =>
      rmSync(folder, { recursive: true, force: true }),
    );
  };
  try {
    const browser = await connect(profile, server.ended);
    const window = browser.contexts()[0] as BrowserContext;
    return {
      window,
      async openTab(url) {
        const tab = await window.newPage();
        await tab.goto(url);
        return tab;
      },
      openDevice: (options) => browser.newContext(options),
      crash,
      async [Symbol.asyncDispose]() {
        await browser.close().finally(stop);
      },
    };
  } catch (error) {
    const log = server.logTail();
    await stop();
    throw new Error(`Chromium did not start. Its output: ${log}`, { cause: error });
  }
}

async function obtainChromium(): Promise<DebianProgram> {
  try {
    return await findProgram(CHROMIUM, toolsFolder, (line) => process.stderr.write(`${line}\n`));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new Error(
      `There is no Chromium on the PATH, and it could not be fetched from Debian (${error.message}): ` +
        'install chromium or google-chrome, then run the tests again.',
    );
  }
}

/** Chromium writes its port and path into a file of the profile when it is ready. */
async function connect(profile: string, hasEnded: () => boolean): Promise<Browser> {
  const deadline = performance.now() + START_MS;
  const [port, path] = await eventually(() => {
    // The loop ends at once when the process has.
    if (hasEnded()) return [];
    const lines = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n');
    if (lines.length < 2) throw new Error('the port is not written yet');
    return lines;
  }, START_MS);
  if (port === undefined) throw new Error('it has ended');
  const timeout = Math.max(1_000, deadline - performance.now());
  return chromium.connectOverCDP(`ws://127.0.0.1:${port}${path}`, { noDefaults: true, timeout });
}

async function crash(tab: Page): Promise<void> {
  const crashed = tab.waitForEvent('crash');
  // This navigation never ends.
  tab.goto('chrome://crash').catch(() => {});
  await crashed;
}

/** Throws when a process of this group, or one with the folder in its command line, still runs. */
function expectEnded(group: number, folder: string): void {
  const left = execFileSync('ps', ['-ww', '-eo', 'pgid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => (line.trim().startsWith(`${group} `) || line.includes(folder)) && !/^\s*\d+\s+Z/.test(line));
  if (left.length > 0) throw new Error(`left running: ${left.join('; ')}`);
}
