/*
 * `npm run pictures`: takes the pictures of the README from the real pages, on a cluster of its own, and writes them to
 * this folder. It needs Chromium and two fonts, which are fetched from Debian when they are missing.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toolsFolder, unpackDebianPackage } from '@chat-cluster/local-cluster';
import { eventually, openConversation, queryPostgres, type Target } from '@chat-cluster/testkit';
import { type BrowserContext, type Page, startBrowser, type TestBrowser } from '@chat-cluster/testkit/browser';
import { type NpmStart, npmStart } from '@chat-cluster/testkit/npm-start';
import { DRAWING, FIRST, LIVE, SECOND, STORIES, type Story } from './story.ts';

const JWT_SECRET = 'a secret of the pictures, long enough for HS256';
/** Quality of WebP, of 100: text stays sharp. */
const QUALITY = 88;
const DESK = { viewport: { width: 1_200, height: 760 }, deviceScaleFactor: 2 };
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
/** Messages per second of the two panes while a gateway is killed. */
const RATE = 20;
/** Time for a page to get into a state, in ms. On a busy machine a late event loop is an alert for a while. */
const PATIENCE_MS = 120_000;
/** Keys follow each other slowly enough for the typing signal to be repeated. */
const TYPING = { delay: 500 };

type Started = NpmStart & Target;

await using undo = new AsyncDisposableStack();
const browser = undo.use(await startBrowser({ env: { FONTCONFIG_FILE: await fontSettings() } }));
const cluster = Object.assign(undo.use(await npmStart({ JWT_SECRET, GATEWAY_PROCESSES: '3', WORKERS: '2' })), {
  jwtSecret: JWT_SECRET,
});
for (const story of STORIES) await store(cluster, story);
await takeChat(browser, cluster);
await takePhone(browser, cluster);
await takeCluster(browser, cluster);

async function takeChat(browser: TestBrowser, cluster: Started): Promise<void> {
  const device = await openDevice(browser, { ...DESK, colorScheme: 'light' });
  const page = await openPanes(device, cluster);
  for (const [index, text] of LIVE.entries()) {
    const [from, to] = index % 2 === 0 ? [SECOND, FIRST] : [FIRST, SECOND];
    const composer = pane(page, from).getByRole('textbox', { name: `Message to ${to}` });
    await composer.fill(text);
    await composer.press('Enter');
    await pane(page, to).getByRole('log').getByText(text).waitFor();
  }
  await pane(page, SECOND).getByRole('log').getByRole('img', { name: 'Read' }).last().waitFor();
  // The other user is about to answer.
  await pane(page, FIRST)
    .getByRole('textbox', { name: `Message to ${SECOND}` })
    .pressSequentially('I will call the', TYPING);
  await pane(page, SECOND).getByText('typing …').waitFor();
  await take(page, 'chat-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await pane(page, FIRST)
    .getByRole('textbox', { name: `Message to ${SECOND}` })
    .pressSequentially(' caterer', TYPING);
  await pane(page, SECOND).getByText('typing …').waitFor();
  await take(page, 'chat-dark');
  await device.close();
}

async function takePhone(browser: TestBrowser, cluster: Started): Promise<void> {
  const device = await openDevice(browser, { ...PHONE, colorScheme: 'light' });
  const page = await openPage(device, cluster.url);
  await pane(page, FIRST).getByRole('button', { name: 'priya' }).waitFor();
  await take(page, 'phone-list');
  await pane(page, FIRST).getByRole('navigation').getByRole('button', { name: SECOND }).click();
  await messagesOf(page, FIRST).last().waitFor();
  await take(page, 'phone-conversation');
  await device.close();
}

/** With traffic, after one gateway was killed: its end is in the changes, and its successor starts. */
async function takeCluster(browser: TestBrowser, cluster: Started): Promise<void> {
  const device = await openDevice(browser, { ...DESK, viewport: { width: 1_200, height: 990 }, colorScheme: 'light' });
  const panes = await openPanes(device, cluster);
  await panes.getByRole('slider', { name: 'Messages per second' }).focus();
  for (let rate = 4; rate < RATE; rate++) await panes.keyboard.press('ArrowRight');
  await panes.getByRole('switch', { name: 'Traffic' }).press('Space');
  const page = await openPage(device, `${cluster.url}/cluster`);
  await page.getByText('Healthy', { exact: true }).waitFor();
  await eventually(async () => {
    const stored = await keyFigure(page, 'Stored').textContent();
    if (Number.parseFloat(stored ?? '') < RATE / 2) throw new Error('the traffic has not begun');
  }, 60_000);
  await page.getByRole('button', { name: 'Kill gateway-2' }).click();
  const changes = page.getByRole('list', { name: 'Recent changes' }).getByRole('listitem');
  await changes.filter({ hasText: /gateway-2 (stopped|went silent|is gone)/ }).waitFor();
  await keyFigure(page, 'Gateways ready').getByText('3 of 3').waitFor();
  await page.evaluate('scrollTo(0, 0)');
  await take(page, 'cluster');
  await device.close();
}

async function openDevice(
  browser: TestBrowser,
  options: Parameters<TestBrowser['openDevice']>[0],
): Promise<BrowserContext> {
  const device = await browser.openDevice({ locale: 'en-GB', reducedMotion: 'reduce', ...options });
  device.setDefaultTimeout(PATIENCE_MS);
  await device.route('https://files.example.com/**', (route) =>
    route.fulfill({ contentType: 'image/svg+xml', body: DRAWING }),
  );
  await device.addInitScript(
    (settings) => globalThis.localStorage?.setItem('chat-local', settings),
    JSON.stringify({ users: [FIRST, SECOND] }),
  );
  return device;
}

async function openPanes(device: BrowserContext, cluster: Started): Promise<Page> {
  const page = await openPage(device, cluster.url);
  await messagesOf(page, FIRST).last().waitFor();
  return page;
}

/** Without scroll bars, as on most machines. */
async function openPage(device: BrowserContext, url: string): Promise<Page> {
  const page = await device.newPage();
  const session = await device.newCDPSession(page);
  await session.send('Emulation.setScrollbarsHidden', { hidden: true });
  await page.goto(url);
  return page;
}

function messagesOf(page: Page, user: string) {
  return pane(page, user).getByRole('log').getByRole('article');
}

function pane(page: Page, user: string) {
  return page.getByRole('region', { name: `Chat of ${user}` });
}

function keyFigure(page: Page, name: string) {
  return page.locator('dl[aria-label="Key figures"] > div', { hasText: name }).locator('dd');
}

/** Writes a picture of the window. */
async function take(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.evaluate('document.fonts.ready');
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
  const file = join(import.meta.dirname, `${name}.webp`);
  writeFileSync(file, Buffer.from(data, 'base64'));
  process.stdout.write(`${file} (${Math.round(statSync(file).size / 1_000)} kB)\n`);
}

/** Stores a conversation of the past, as the worker would. */
async function store(cluster: Started, { users, lines, unread }: Story): Promise<void> {
  const { databaseUrl } = JSON.parse(readFileSync(join(cluster.dataDir, 'servers.json'), 'utf8'));
  const query = (statement: string, values: unknown[]) => queryPostgres(databaseUrl, statement, values);
  const conversationId = await openConversation(cluster, ...users);
  const at = (ago: number) => new Date(Date.now() - ago * 60_000);
  for (const [index, { from, text, attachments, ago }] of lines.entries()) {
    await query(
      `insert into messages (conversation_id, seq, id, sender_id, client_message_id, content, attachments, created_at)
       values ($1, $2, gen_random_uuid(), $3, $4, $5, $6, $7)`,
      [conversationId, index + 1, from, randomUUID(), text, attachments ? JSON.stringify(attachments) : null, at(ago)],
    );
  }
  await query('update conversations set last_seq = $2, updated_at = $3 where id = $1', [
    conversationId,
    lines.length,
    at(lines.at(-1)?.ago ?? 0),
  ]);
  for (const user of users) {
    const count = unread?.reader === user ? unread.count : 0;
    await query(
      'update participants set last_read_seq = $3, unread_count = $4, read_at = now() where conversation_id = $1 and user_id = $2',
      [conversationId, user, lines.length - count, count],
    );
  }
}

/** Settings of fontconfig: the pictures do not depend on the fonts of this machine. */
async function fontSettings(): Promise<string> {
  const folder = join(toolsFolder, 'fonts');
  if (!existsSync(folder)) await unpackDebianPackage(['fonts-inter'], folder, { packages: ['fonts-noto-color-emoji'] });
  const file = join(toolsFolder, 'fonts.conf');
  const prefer = (generic: string, font: string) =>
    `<match target="pattern"><test name="family"><string>${generic}</string></test><edit name="family" mode="prepend" binding="strong"><string>${font}</string></edit></match>`;
  const families = ['system-ui', 'sans-serif'].map((generic) => prefer(generic, 'Inter')).join('');
  const cache = join(toolsFolder, 'fonts-cache');
  mkdirSync(cache, { recursive: true });
  writeFileSync(
    file,
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${folder}</dir><dir>/usr/share/fonts</dir><cachedir>${cache}</cachedir>${families}</fontconfig>`,
  );
  return file;
}
