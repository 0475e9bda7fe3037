import type { BrowserContext, Page } from '@chat-cluster/testkit/browser';

/** Time for a page to get into a state, in ms. The machine may be busy with other suites. */
const PATIENCE_MS = 60_000;

/** What Chromium writes about a connection that the test has cut, or about a server that it has stopped. */
const NETWORK_PROBLEM = /net::ERR_|^WebSocket connection to |^Failed to load resource/;

/** A poll of a session that has ended: the gateway responds with 400, and the client begins another session. */
const LATE_POLL = /^Failed to load resource: .* 400 .*\/socket\.io\/\?.*transport=polling.*&sid=/;

/** A page was left, or its session has ended, while it changed from polling to WebSocket. */
const LEFT_UPGRADE =
  /^WebSocket connection to '.*&transport=websocket&sid=.* WebSocket is closed before the connection is/;

/** A browser of its own, with the problems that its pages report: errors, exceptions, violations of the policy. */
export class Device {
  /** The test breaks connections: what Chromium writes about them is no problem. */
  breaksNetwork = false;
  readonly context: BrowserContext;
  #problems: string[] = [];
  #kept = new Map<string, string>();

  constructor(context: BrowserContext) {
    this.context = context;
    context.setDefaultTimeout(PATIENCE_MS);
    context.on('page', (page) => this.#watch(page));
  }

  get problems(): string[] {
    return this.#problems.filter((problem) => !(this.breaksNetwork && NETWORK_PROBLEM.test(problem)));
  }

  /** `prepare` gets the page before it is loaded. */
  async open(url: string, prepare?: (page: Page) => void): Promise<Page> {
    const page = await this.context.newPage();
    prepare?.(page);
    await page.goto(url);
    return page;
  }

  /** Sets an item of localStorage before the first page is opened. */
  async keep(key: string, value: string): Promise<void> {
    if (this.#kept.get(key) === value) return;
    this.#kept.set(key, value);
    await this.context.addInitScript(
      ([name = '', content = '']) => {
        // An empty page has no storage.
        if (location.protocol === 'http:' && localStorage.getItem(name) === null) localStorage.setItem(name, content);
      },
      [key, value],
    );
  }

  /** Writes a picture of each open page; returns the files. */
  async picture(file: string): Promise<string[]> {
    return Promise.all(
      this.context.pages().map(async (page, index) => {
        const path = index === 0 ? file : file.replace(/\.png$/, `-${index + 1}.png`);
        await page.screenshot({ path }).catch(() => {});
        return path;
      }),
    );
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  #watch(page: Page): void {
    page.on('console', (message) => {
      const { url } = message.location();
      const problem = `${message.text()} ${url}`;
      const isProblem = message.type() === 'error' || message.type() === 'warning';
      if (isProblem && !LATE_POLL.test(problem) && !LEFT_UPGRADE.test(problem)) this.#problems.push(problem);
    });
    page.on('pageerror', (error) => this.#problems.push(String(error)));
  }
}
