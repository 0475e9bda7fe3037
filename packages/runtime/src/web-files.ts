import { existsSync, globSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import send from 'send';
import { UserError } from './run-main.ts';

export interface WebFilesOptions {
  /** The folder that the build of services/web writes. */
  folder: string;
  /** `index.html` is served at `/`, `cluster.html` at `/cluster`. */
  page: 'index.html' | 'cluster.html';
  /** Origins that the page connects to, besides its own. */
  connect?: readonly string[];
}

/**
 * What the pages request to learn about their server. A server without one responds 204: a browser would report a 404 to
 * the console.
 */
export const PAGE_SETTINGS = ['/local.json', '/config.json'];

/**
 * Responds and returns true if the request is for the page, one of its files or PAGE_SETTINGS; otherwise returns false.
 * `refuse` responds when the file cannot be sent: with 412 or 416 for the conditions of the request, with 404 if the file
 * is missing, with 500 if it cannot be read.
 */
export type WebFiles = (request: IncomingMessage, response: ServerResponse, refuse?: Refuse) => boolean;
type Refuse = (status: number) => void;

/** Lifetime in caches of a file whose name contains the hash of its content, in s: a year. */
const HASHED_MAX_AGE_S = 31_536_000;
/** Files beside the pages: icons, a manifest, and the settings of the chat page. */
const FILE_OF_ROOT = /^([\w-]+\.(svg|png|ico|webmanifest|txt)|config\.json)$/;

/**
 * Serves one page of services/web with its files. Their names are read once; only files that the folder had then are
 * served. Throws UserError if it does not contain the page.
 *
 * `send` also closes the file when the client closes its connection early, and responds to conditions and ranges.
 */
export function webFiles({ folder, page, connect = [] }: WebFilesOptions): WebFiles {
  if (!existsSync(join(folder, page))) {
    throw new UserError(`WEB_DIR: ${folder} does not contain ${page}, which the build of services/web writes.`);
  }
  const headers = securityHeaders(connect);
  const names = globSync(['*', 'assets/*'], { cwd: folder });
  const files = new Set(names.filter((name) => name.startsWith('assets/') || FILE_OF_ROOT.test(name)));
  const path = page === 'index.html' ? '/' : '/cluster';
  return (request, response, refuse = (status) => void response.writeHead(status).end()) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const requested = request.url?.split('?')[0] ?? '';
    const file = requested === path ? page : requested.slice(1);
    if (requested !== path && !files.has(file)) {
      if (!PAGE_SETTINGS.includes(requested)) return false;
      response.writeHead(204, { 'cache-control': 'no-store' }).end();
      return true;
    }
    response.setHeaders(headers);
    const isHashed = file.startsWith('assets/');
    response.setHeader('cache-control', isHashed ? `public, max-age=${HASHED_MAX_AGE_S}, immutable` : 'no-cache');
    send(request, encodeURI(file), { root: folder, cacheControl: false, index: false })
      .on('error', ({ status = 500 }: { status?: number }) => refuse(status))
      .pipe(response);
    return true;
  };
}

/** The page loads nothing from other sites but images of messages; its sockets have its own origin. */
function securityHeaders(connect: readonly string[]): Map<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' https: data: blob:",
    ["connect-src 'self'", ...connect].join(' '),
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return new Map([
    ['content-security-policy', policy.join('; ')],
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
  ]);
}
