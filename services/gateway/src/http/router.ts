import { Rejection } from '@chat-cluster/contracts';
import type { Express, RequestHandler } from 'express';

/** One method of one path, as data: the app mounts the list, and a test compares it with the OpenAPI document. */
export interface Route {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Express pattern. */
  path: string;
  handler: RequestHandler;
}

/** A GET route without a token. */
export function publicRoute(path: string, handler: RequestHandler): Route {
  return { method: 'get', path, handler };
}

/** Mounts the routes; any other method on one of their paths is METHOD_NOT_ALLOWED. */
export function mount(app: Express, routes: readonly Route[]): void {
  for (const [path, group] of Map.groupBy(routes, (route) => route.path)) {
    const mounted = app.route(path);
    for (const { method, handler } of group) mounted[method](handler);
    const allow = group.map(({ method }) => (method === 'get' ? 'GET, HEAD' : method.toUpperCase())).join(', ');
    mounted.all((_req, res) => {
      res.set('Allow', allow);
      throw new Rejection('METHOD_NOT_ALLOWED');
    });
  }
}
