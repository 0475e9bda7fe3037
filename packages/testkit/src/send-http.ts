import * as http from 'node:http';
import * as https from 'node:https';

/**
 * One HTTP request, with the options that `fetch` lacks: an agent with its own trust, a source address. Rejects when
 * there is no whole response, or after `timeout` ms of silence.
 */
export function sendHttp(
  url: string,
  { body, ...options }: https.RequestOptions & { body?: string | undefined },
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? https : http).request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('error', reject).once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${Number(options.timeout) / 1_000} s`)));
    request.once('error', reject).end(body);
  });
}
