import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Rejection } from '@chat-cluster/contracts';
import { asyncApiDocument } from '@chat-cluster/contracts/asyncapi';
import { openApiDocument } from '@chat-cluster/contracts/openapi';
import type { Request, Response } from 'express';
import manifest from '../../package.json' with { type: 'json' };
import { publicRoute, type Route } from './router.ts';

/** OpenAPI and AsyncAPI documents, and Swagger UI to try the former. The page loads nothing from other hosts. */
export function docsRoutes(): Route[] {
  const { version } = manifest;
  const openApi = once(() => openApiDocument({ version }));
  const asyncApi = once(() => asyncApiDocument({ version }));
  return [
    publicRoute('/api/docs', (_req, res) => {
      res.set('Content-Security-Policy', PAGE_POLICY).type('html').send(PAGE);
    }),
    publicRoute('/api/docs.json', (_req, res) => {
      res.json(openApi());
    }),
    publicRoute('/api/asyncapi.json', (_req, res) => {
      res.json(asyncApi());
    }),
    publicRoute('/api/docs/start.js', (_req, res) => {
      res.set('Cache-Control', 'no-cache').type('text/javascript').send(START);
    }),
    publicRoute('/api/docs/:asset', sendAsset),
  ];
}

/** `/` of a gateway without a web page. */
export const docsAtRoot = publicRoute('/', (_req, res) => res.redirect('/api/docs'));

/** Creates the value at the first request, since most gateways never serve their documentation. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const manifestPath = fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json'));
const swaggerUiFolder = dirname(manifestPath);
const swaggerUiVersion = String(JSON.parse(readFileSync(manifestPath, 'utf8')).version);

const ASSETS: ReadonlySet<string> = new Set(['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']);

/** URLs contain the version of Swagger UI, so a browser that caches an asset for a day has no outdated one. */
function sendAsset(req: Request, res: Response): Promise<void> {
  const { asset } = req.params;
  if (typeof asset !== 'string' || !ASSETS.has(asset)) throw new Rejection('NOT_FOUND');
  res.set('Cache-Control', 'public, max-age=86400');
  return new Promise((resolve, reject) => {
    res.sendFile(asset, { root: swaggerUiFolder, cacheControl: false }, (error?: NodeJS.ErrnoException) =>
      // A client that leaves in the middle is no fault.
      error && error.code !== 'ECONNABORTED' && error.code !== 'EPIPE' ? reject(error) : resolve(),
    );
  });
}

/** Swagger UI has icons in `data:` images, and needs neither inline styles nor eval. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Chat cluster: API</title>
    <link rel="icon" href="/api/docs/favicon-32x32.png?v=${swaggerUiVersion}">
    <link rel="stylesheet" href="/api/docs/swagger-ui.css?v=${swaggerUiVersion}">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/api/docs/swagger-ui-bundle.js?v=${swaggerUiVersion}"></script>
    <script src="/api/docs/start.js"></script>
  </body>
</html>
`;

/** Without `validatorUrl: null` Swagger UI sends the URL of the document to a public validator. */
const START = `window.ui = SwaggerUIBundle({
  url: '/api/docs.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;
