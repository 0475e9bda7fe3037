import type {
  ActionResult,
  ClusterOverview,
  DeadLetterPage,
  LocalAction,
  LocalActionResult,
  LocalKind,
  LocalPage,
  LocalProcess,
  MessageView,
  UserView,
} from '@chat-cluster/contracts';
import { requestJson } from './request-json.ts';

/** The server of the figures, with its lookups and actions. */
export interface ClusterSource {
  /** Address and token: two sources with the same key are the same. */
  key: string;
  overview(signal: AbortSignal): Promise<ClusterOverview>;
  user(userId: string, cursor: string | undefined, signal: AbortSignal): Promise<UserView>;
  message(id: string, signal: AbortSignal): Promise<MessageView>;
  deadLetters(cursor: string | undefined, signal: AbortSignal): Promise<DeadLetterPage>;
  disconnect(userId: string): Promise<ActionResult>;
  revoke(userId: string): Promise<ActionResult>;
  replay(ids: readonly string[]): Promise<ActionResult>;
  drop(ids: readonly string[]): Promise<ActionResult>;
  /** Present in local mode. */
  local?: LocalControl;
}

/** The processes of this machine, which only `npm start` offers. */
export interface LocalControl {
  processes(signal: AbortSignal): Promise<readonly LocalProcess[]>;
  add(kind: LocalKind): Promise<LocalActionResult>;
  act(name: string, action: LocalAction): Promise<LocalActionResult>;
}

/** Local mode when `/local.json` of this origin has content, else the API of the listener that served the page. */
export async function findSource(signal: AbortSignal): Promise<ClusterSource> {
  return sourceAt(await requestJson<LocalPage | undefined>('/local.json', { signal }));
}

function sourceAt(page: LocalPage | undefined): ClusterSource {
  const token = page?.token;
  const api = `${page?.control ?? ''}/cluster/api`;
  const get = <Body>(url: string, signal: AbortSignal) => requestJson<Body>(url, { signal, token });
  const post = <Body>(url: string, body: object) => requestJson<Body>(url, { body, token });
  return {
    key: page ? `${page.control} ${page.token}` : '',
    overview: (signal) => get(`${api}/overview`, signal),
    user: (userId, cursor, signal) => get(withQuery(`${api}/users`, { id: userId, cursor }), signal),
    message: (id, signal) => get(withQuery(`${api}/messages`, { id }), signal),
    deadLetters: (cursor, signal) => get(withQuery(`${api}/dead-letters`, { cursor }), signal),
    disconnect: (userId) => post(withQuery(`${api}/users/disconnect`, { id: userId }), {}),
    revoke: (userId) => post(withQuery(`${api}/users/revoke`, { id: userId }), {}),
    replay: (ids) => post(`${api}/dead-letters/replay`, { ids }),
    drop: (ids) => post(`${api}/dead-letters/drop`, { ids }),
    ...(page && {
      local: {
        processes: async (signal) =>
          (await get<{ processes: LocalProcess[] }>(`${page.control}/processes`, signal)).processes,
        add: (kind) => post(`${page.control}/processes`, { kind }),
        act: (name, action) => post(`${page.control}/processes/${encodeURIComponent(name)}/${action}`, {}),
      },
    }),
  };
}

function withQuery(url: string, query: { id?: string; cursor?: string | undefined }): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return given.length === 0 ? url : `${url}?${new URLSearchParams(given)}`;
}
