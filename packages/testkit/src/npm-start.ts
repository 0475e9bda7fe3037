import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { LocalPage } from '@chat-cluster/contracts';
import { repository } from '@chat-cluster/local-cluster';
import { eventually } from './eventually.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface NpmStart extends AsyncDisposable {
  child: ChildProcess;
  /** Address of the gateways. */
  url: string;
  dataDir: string;
  output(): string;
  /** Resolves when it has ended, with its exit code. */
  ended: Promise<number | null>;
}

/** Time limit of a start, in ms. It takes 10 s on an idle machine. */
const START_MS = 300_000;

/** Runs `npm start` on a free port, in a data folder of its own, until it is up. Disposing of it stops it. */
export async function npmStart(env: NodeJS.ProcessEnv = {}): Promise<NpmStart> {
  const folder = temporaryFolder();
  let output = '';
  const child = spawn(process.execPath, [join(repository, 'infra/local/bootstrap.mjs'), 'start'], {
    env: { ...process.env, NO_COLOR: '1', PORT: '0', DATA_DIR: folder.path, npm_lifecycle_event: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const dispose = async () => {
    child.kill('SIGTERM');
    await ended;
    await folder[Symbol.asyncDispose]();
  };
  try {
    const url = await eventually(() => {
      const line = /^ +Open +(http:\S+)$/m.exec(stripVTControlCharacters(output))?.[1];
      if (child.exitCode !== null) return '';
      if (!line || !output.includes('Ctrl-C')) throw new Error(`npm start is not up yet: ${output}`);
      return line;
    }, START_MS);
    if (url === '') throw new Error(`npm start has ended: ${output}`);
    return { child, url, dataDir: folder.path, output: () => output, ended, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Sends requests to the control server like the page of `url`. `send` returns refusals; `get` and `post` throw them. */
export async function controlOf(url: string) {
  const page = (await (await fetch(`${url}/local.json`)).json()) as LocalPage;
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { origin: url, authorization: `Bearer ${page.token}`, ...init.headers };
    return fetch(page.control + path, { ...init, headers });
  }
  return {
    page,
    send,
    get: <T>(path: string) => send(path).then((response) => expectJson<T>(response)),
    post: <T>(path: string, body: object) => send(path, json(body)).then((response) => expectJson<T>(response)),
  };
}

export type Control = Awaited<ReturnType<typeof controlOf>>;

export function json(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function expectJson<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as T;
}
