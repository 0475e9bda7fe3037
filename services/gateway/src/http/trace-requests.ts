import { startSpan } from '@chat-cluster/runtime';
import type { RequestHandler } from 'express';

/**
 * A span for each sampled request, in the trace that its `traceparent` names; that also decides whether it is sampled, as
 * OTEL_TRACES_SAMPLER has it. What the request does in a lane joins it.
 */
export const traceRequests: RequestHandler = (req, res, next) => {
  const { method } = req;
  const parent = req.get('traceparent');
  const span = startSpan(method, { kind: 'server', parent, attributes: { 'http.request.method': method } });
  if (!span) return next();
  res.once('close', () => {
    const route: unknown = req.route?.path;
    const attributes = { 'http.response.status_code': res.statusCode };
    const failed = res.statusCode >= 500;
    span.end(
      typeof route === 'string'
        ? { name: `${method} ${route}`, attributes: { ...attributes, 'http.route': route }, failed }
        : { attributes, failed },
    );
  });
  span.run(next);
};
