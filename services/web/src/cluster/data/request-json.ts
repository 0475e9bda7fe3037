/** An answer with an error status. `code` is that of the body, or `HTTP_<status>`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

/** Time limit for the answer to an action, in ms. Lookups end with their signal. */
const ACTION_DEADLINE_MS = 20_000;

export interface JsonRequest {
  signal?: AbortSignal;
  /** Bearer token. Without one the browser sends what it has for this origin. */
  token?: string | undefined;
  /** Sent as JSON with POST. */
  body?: object;
}

/**
 * The JSON of an answer, undefined for one without content, or an ApiError. The body is trusted: it comes from the
 * version that built this page.
 */
export async function requestJson<Body>(url: string, request: JsonRequest): Promise<Body> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (request.token !== undefined) headers.authorization = `Bearer ${request.token}`;
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  // Resolved here: fetch refuses a relative address on a page whose own address contains credentials.
  const answer = await fetch(new URL(url, window.location.origin), {
    method: request.body === undefined ? 'GET' : 'POST',
    headers,
    ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
    signal: request.signal ?? AbortSignal.timeout(ACTION_DEADLINE_MS),
    cache: 'no-store',
  });
  if (answer.status === 204) return undefined as Body;
  const body: unknown = await answer.json().catch((error: unknown) => {
    if (answer.ok) throw error;
    return undefined;
  });
  if (!answer.ok) throw errorOf(answer.status, body);
  return body as Body;
}

function errorOf(status: number, body: unknown): ApiError {
  const { code, message } = (body as { error?: { code?: string; message?: string } } | undefined)?.error ?? {};
  return new ApiError(status, code ?? `HTTP_${status}`, message ?? `The server returned the status ${status}.`);
}

/** The failure as a sentence, with the remedy where the page has one. */
export function describeFailure(reason: unknown): string {
  if (reason instanceof ApiError) {
    if (reason.status === 401) return 'The server does not accept the credentials of this page (401). Reload it.';
    return /[.!?]$/.test(reason.message) ? reason.message : `${reason.message}.`;
  }
  if (reason instanceof DOMException && reason.name === 'TimeoutError') return 'The server does not answer in time.';
  if (reason instanceof TypeError) return 'The server cannot be reached.';
  return 'The answer of the server cannot be read. Reload the page: it may be older than the server.';
}
