import { globSync } from 'node:fs';
import { type LocalPage, Rejection } from '@chat-cluster/contracts';
import { isLoopback, PAGE_SETTINGS, webFiles } from '@chat-cluster/runtime';
import type { RequestHandler } from 'express';
import type { GatewayConfig } from '../config.ts';
import { clientAddress } from '../socket/connect/client-address.ts';
import { MalformedRequest } from './errors.ts';
import { createRateLimit } from './middleware.ts';
import { publicRoute, type Route } from './router.ts';

export interface PageDeps {
  config: Pick<GatewayConfig, 'WEB_DIR' | 'LOCAL_CONTROL_URL' | 'LOCAL_CONTROL_TOKEN' | 'TRUSTED_HOPS'>;
  /** Names of the gateways behind this port. */
  gateways(): readonly string[];
}

/** Files of the page that an address may request from a process, per second and at once. A page has about ten. */
const FILES_PER_SECOND = 100;
const FILES_AT_ONCE = 1_000;

/**
 * The routes of the chat page and its files; none without WEB_DIR. In local mode also that of the cluster view, and
 * `/local.json` has content. The requests need no token and do not count as REST requests of a user; each address has its
 * share.
 */
export function pageRoutes({ config, gateways }: PageDeps): Route[] {
  const { WEB_DIR, LOCAL_CONTROL_URL: control, LOCAL_CONTROL_TOKEN: token } = config;
  if (WEB_DIR === undefined) return [];
  const limitRate = createRateLimit(FILES_PER_SECOND, FILES_AT_ONCE);
  const route = (path: string, handler: RequestHandler): Route =>
    publicRoute(path, (req, res, next) => {
      limitRate(clientAddress(req, config.TRUSTED_HOPS));
      return handler(req, res, next);
    });
  const besidePage = globSync('*.*', { cwd: WEB_DIR }).filter((name) => !name.endsWith('.html'));
  const files = new Set(['/assets/:file', ...PAGE_SETTINGS, ...besidePage.map((name) => `/${name}`)]);
  const connect = control === undefined ? [] : [control];
  const serveChat = serve(webFiles({ folder: WEB_DIR, page: 'index.html', connect }));
  const chat = (paths: Iterable<string>) => [...paths].map((path) => route(path, serveChat));
  if (control === undefined || token === undefined) return chat(['/', ...files]);
  files.delete('/local.json');
  const serveCluster = serve(webFiles({ folder: WEB_DIR, page: 'cluster.html', connect }));
  return [
    ...chat(['/', ...files]),
    route('/cluster', serveCluster),
    route('/local.json', (req, res, next) => {
      // A web page whose name resolves to this machine (DNS rebinding) has another Host.
      if (!isLoopback(hostOf(req.headers.host))) return serveChat(req, res, next);
      res.json({ control, token, gateways: gateways() } satisfies LocalPage);
    }),
  ];
}

function hostOf(header: string | undefined): string {
  return URL.parse(`http://${header}`)?.hostname.replace(/^\[|\]$/g, '') ?? '';
}

/** Headers of the file, which an error must not have. */
const OF_THE_FILE = ['Content-Type', 'ETag', 'Last-Modified'];

function serve(respond: ReturnType<typeof webFiles>): RequestHandler {
  return (req, res, next) => {
    const isFile = respond(req, res, (status) => {
      for (const name of OF_THE_FILE) res.removeHeader(name);
      res.set('Cache-Control', 'no-store');
      if (status === 404) next(new Rejection('NOT_FOUND'));
      else if (status === 412) next(new MalformedRequest(status, 'the file has changed'));
      else if (status === 416) next(new MalformedRequest(status, 'the file has no such range'));
      else next(new Error(`${req.path} cannot be sent: ${status}`));
    });
    if (!isFile) throw new Rejection('NOT_FOUND');
  };
}
