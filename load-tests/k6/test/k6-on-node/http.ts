interface Params {
  headers: Record<string, string>;
  tags: Record<string, string>;
}

/** k6's cookies; nobody sets any here. */
class CookieJar {
  readonly played = true;
}

/** As k6: a server that is not there is status 0, not an exception. */
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

/** `k6/http` */
export default { asyncRequest, CookieJar };
