interface Params {
  headers: Record<string, string>;
  tags: Record<string, string>;
}

/** Replaces k6's cookie jar; no server sets cookies here. */
class CookieJar {
  readonly isReplacement = true;
}

/** Without a server the status is 0, as in k6, not an exception. */
async function asyncRequest(method: string, url: string, body: string | null, { headers }: Params) {
  try {
    const response = await fetch(url, { method, headers, body });
    const text = await response.text();
    const json = (selector: string) => (JSON.parse(text) as Record<string, unknown>)[selector];
    return { status: response.status, body: text, error: '', json };
  } catch (error) {
    return { status: 0, body: null, error: String(error), json: () => undefined };
  }
}

/** Replaces `k6/http`. */
export default { asyncRequest, CookieJar };
