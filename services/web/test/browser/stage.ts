import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { queryPostgres, type Target } from '@chat-cluster/testkit';
import { startBrowser, type TestBrowser } from '@chat-cluster/testkit/browser';
import { type Control, controlOf, type NpmStart, npmStart } from '@chat-cluster/testkit/npm-start';
import { type HostedSite, startHostedSite } from './hosted-site.ts';

/** `npm start`, a browser, and a site of another origin that serves the chat page for the same cluster. */
export interface Stage extends AsyncDisposable {
  cluster: NpmStart & Target;
  control: Control;
  browser: TestBrowser;
  hosted: HostedSite;
  redisUrl: string;
  /** One statement on the database of the cluster. */
  query(statement: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

const JWT_SECRET = 'a secret of the browser tests, long enough for HS256';

export async function startStage(): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const browser = startBrowser();
  // Its origin has to be known to the gateways, whose port it needs.
  const hosted = started.use(await startHostedSite());
  const cluster = started.use(
    await npmStart({ JWT_SECRET, ALLOWED_ORIGINS: hosted.url, JWT_CLOCK_TOLERANCE_MS: '1000' }),
  );
  await hosted.serve(cluster.url);
  started.use(await browser);
  const { databaseUrl, redisUrl } = JSON.parse(readFileSync(join(cluster.dataDir, 'servers.json'), 'utf8'));
  const control = await controlOf(cluster.url);
  const all = started.move();
  return {
    cluster: Object.assign(cluster, { jwtSecret: JWT_SECRET }),
    control,
    browser: await browser,
    hosted,
    redisUrl,
    query: (statement, values) => queryPostgres(databaseUrl, statement, values),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
