import type { IncomingMessage } from 'node:http';
import { HttpRefusal } from './http-refusal.ts';

/** Largest body, in bytes. */
const MAX_BODY = 65_536;

/**
 * The JSON body of a request of a web page. Throws HttpRefusal with status 415, 413 or 400. A page of another origin
 * cannot send this content type without the consent of the server.
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new HttpRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send a JSON body with Content-Type: application/json.');
  }
  const parts: Buffer[] = [];
  let size = 0;
  // A destroyed request would take the connection, and the response, with it.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY) {
      throw new HttpRefusal(413, 'PAYLOAD_TOO_LARGE', `The body is larger than ${MAX_BODY / 1_024} kB.`);
    }
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new HttpRefusal(400, 'VALIDATION_FAILED', 'The body is not valid JSON.');
  }
}
