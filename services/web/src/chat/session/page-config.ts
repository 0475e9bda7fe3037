import type { LocalPage } from '@chat-cluster/contracts';
import { safeHref } from '../conversation/links.ts';

/** The configuration of a hosted page, mostly about the sign-in. */
export interface HostedConfig {
  /** Origin of the API, if it is not that of the page. */
  apiUrl?: string;
  /** Returns `{token}` for a request with the cookies of the page, or 401. */
  tokenUrl?: string;
  /** The page on which a user signs in. */
  signInUrl?: string;
}

export type PageConfig = { mode: 'local'; local: LocalPage } | { mode: 'hosted'; hosted: HostedConfig };

/** Reads from the server of the page which kind of cluster this is. Throws an Error that explains a failure. */
export async function readPageConfig(signal: AbortSignal): Promise<PageConfig> {
  const local = await readJson('/local.json', signal);
  if (isLocalPage(local)) return { mode: 'local', local };
  const hosted = await readJson('/config.json', signal);
  return { mode: 'hosted', hosted: checkedHosted(hosted, location.href) };
}

/** The JSON of a path, or undefined if the server has none. */
async function readJson(path: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(path, { signal, cache: 'no-store' }).catch(() => {
    throw new Error('The server does not respond. Check that it runs and that this device is online.');
  });
  if (response.status === 204 || response.status === 404) return undefined;
  if (!response.ok) throw new Error(`The server returned the status ${response.status} for ${path}.`);
  if (!response.headers.get('content-type')?.includes('json')) return undefined;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${path} is not valid JSON.`);
  }
}

function isLocalPage(value: unknown): value is LocalPage {
  if (typeof value !== 'object' || value === null) return false;
  const { control, token, gateways } = value as Record<string, unknown>;
  return typeof control === 'string' && typeof token === 'string' && Array.isArray(gateways);
}

/** The settings in `/config.json`. Throws an Error that names the setting that is wrong. `page`: address of the page. */
export function checkedHosted(value: unknown, page: string): HostedConfig {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new Error('/config.json must contain an object.');
  const settings = value as Record<string, unknown>;
  const config: HostedConfig = {};
  for (const name of ['apiUrl', 'tokenUrl', 'signInUrl'] as const) {
    const url = settings[name];
    if (url === undefined) continue;
    if (typeof url !== 'string' || url === '' || !isWebAddress(url, page)) {
      throw new Error(`/config.json: ${name} must be an address that begins with http:// or https://.`);
    }
    config[name] = url;
  }
  return config;
}

/** Absolute, or relative to the page; not `javascript:` or another address that a browser would run. */
function isWebAddress(url: string, page: string): boolean {
  return URL.canParse(url, page) && safeHref(new URL(url, page).href) !== undefined;
}
