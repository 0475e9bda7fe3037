import express, { type Request, type Response } from 'express';
import { MalformedRequest } from './errors.ts';

/** Largest body of a request, in kB: far above the few ids that requests have, and small enough to do no harm. */
const LIMIT_KB = 64;

// No compressed bodies: small ones gain nothing, and a compression bomb cannot be sent.
const parse = express.json({ limit: LIMIT_KB * 1024, inflate: false });

/** Reads the JSON body. Rejections: VALIDATION_FAILED with status 400, 413 or 415. */
export async function readJson(req: Request): Promise<unknown> {
  if (req.is('application/json') === false) throw notJson();
  await new Promise<void>((resolve, reject) => {
    parse(req, req.res as Response, (error?: unknown) => (error === undefined ? resolve() : reject(refusalOf(error))));
  });
  return req.body;
}

/** Maps the parser's errors by status. Their messages quote the body and name the library, so none is returned. */
function refusalOf(error: unknown): unknown {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  if (status === 413) return new MalformedRequest(413, `the body is larger than ${LIMIT_KB} kB`);
  if (status === 415) return notJson();
  return status === 400 ? new MalformedRequest(400, 'the body is not valid JSON') : error;
}

function notJson(): MalformedRequest {
  return new MalformedRequest(415, 'send an uncompressed JSON body with Content-Type: application/json');
}
