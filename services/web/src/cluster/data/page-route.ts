/** The view that the hash of the address selects, so that a lookup can be linked and the button "back" works. */
export type PageRoute =
  | { view: 'user'; userId: string }
  | { view: 'message'; id: string }
  | { view: 'runbook'; section: string }
  | { view: 'overview' };

const ROUTE = /^#\/(user|message|runbook)\/(.+)$/;

export function parseRoute(hash: string): PageRoute {
  const [, view, encoded] = ROUTE.exec(hash) ?? [];
  if (encoded === undefined) return { view: 'overview' };
  const value = decode(encoded);
  if (view === 'user') return { view, userId: value };
  if (view === 'message') return { view, id: value };
  return { view: 'runbook', section: value };
}

export function userLink(userId: string): string {
  return `#/user/${encodeURIComponent(userId)}`;
}

export function messageLink(id: string): string {
  return `#/message/${encodeURIComponent(id)}`;
}

export function runbookLink(section: string): string {
  return `#/runbook/${encodeURIComponent(section)}`;
}

/** An address that was typed may have a percent sign that encodes nothing. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
