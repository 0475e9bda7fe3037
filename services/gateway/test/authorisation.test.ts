/*
 * Longer than 250 lines on purpose: one matrix with a row for each event and route.
 */
import { once } from 'node:events';
import {
  type ClientEvent,
  type Conversation,
  clientEvents,
  type FailureAck,
  type Presence,
  type WatchPresenceAck,
} from '@chat-cluster/contracts';
import {
  connect,
  eventually,
  newUser,
  startTestCluster,
  type TestClient,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { io, type Socket } from 'socket.io-client';
import { mountedRoutes, startEdge } from './http-app.ts';

/*
 * The authorisation matrix: every event and every route × role. A new event or route needs a row here. The
 * conversation under test is the one of alice and bob. Outcomes: `reads`, the answer contains a message of it; `sees`,
 * it shows that bob is online; `ok`, a success that contains neither; otherwise the code of the refusal.
 */
const ROLES = ['participant', 'stranger', 'anonymous', 'server'] as const;
/** alice; eve, who is not in the conversation; no token; the holder of ADMIN_TOKEN. */
type Role = (typeof ROLES)[number];
type Row = Record<Role, string>;

const ADMIN_TOKEN = 'token-of-the-administrators';
const SECRET_TEXT = `only for alice and bob ${crypto.randomUUID()}`;

/** Neither a client without a user nor an administrator has a socket. */
const USERS_ONLY = { anonymous: 'TOKEN_MISSING', server: 'TOKEN_INVALID' };
const EVERY_ROLE: Row = { participant: 'ok', stranger: 'ok', anonymous: 'ok', server: 'ok' };
const ADMINISTRATORS: Row = {
  participant: 'UNAUTHORIZED',
  stranger: 'UNAUTHORIZED',
  anonymous: 'UNAUTHORIZED',
  server: 'ok',
};

/** With a `changeId`, so that each user has one such group. */
const NEW_GROUP = { title: 'Notes', userIds: [], changeId: 'matrix' };
/** For what needs a group, in a direct conversation. */
const NO_GROUP: Row = { participant: 'VALIDATION_FAILED', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY };
const NOT_FOUND: Row = { participant: 'CONVERSATION_NOT_FOUND', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY };
const PARTICIPANT_READS: Row = { participant: 'reads', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY };
const PARTICIPANT_MAY: Row = { participant: 'ok', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY };
const USERS_MAY: Row = { participant: 'ok', stranger: 'ok', ...USERS_ONLY };

const EVENTS: Record<ClientEvent, { payload(stage: Stage): unknown; row: Row }> = {
  send_message: {
    payload: ({ conversationId }) => ({ conversationId, content: SECRET_TEXT }),
    row: { participant: 'reads', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  read_messages: {
    payload: ({ conversationId }) => ({ conversationId, upToSeq: 1 }),
    row: { participant: 'ok', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  sync: {
    payload: ({ conversationId }) => ({ conversations: [{ id: conversationId, afterSeq: 0 }] }),
    row: { participant: 'reads', stranger: 'ok', ...USERS_ONLY },
  },
  edit_message: {
    payload: ({ conversationId }) => ({ conversationId, seq: 1, content: SECRET_TEXT }),
    row: { participant: 'reads', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  delete_message: {
    payload: ({ conversationId }) => ({ conversationId, seq: 99 }),
    row: { participant: 'MESSAGE_NOT_FOUND', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  set_reaction: {
    payload: ({ conversationId }) => ({ conversationId, seq: 1, emoji: '👍', on: true }),
    row: { participant: 'reads', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  // Ignored for a stranger, as for a conversation that does not exist.
  mark_delivered: {
    payload: ({ conversationId }) => ({ conversations: [{ id: conversationId, upToSeq: 1 }] }),
    row: { participant: 'ok', stranger: 'ok', ...USERS_ONLY },
  },
  create_group: { payload: () => NEW_GROUP, row: { participant: 'ok', stranger: 'ok', ...USERS_ONLY } },
  change_group: {
    payload: ({ conversationId }) => ({ conversationId, change: { type: 'leave' } }),
    row: { participant: 'VALIDATION_FAILED', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  set_conversation: {
    payload: ({ conversationId }) => ({ conversationId, settings: { archived: true } }),
    row: { participant: 'ok', stranger: 'CONVERSATION_NOT_FOUND', ...USERS_ONLY },
  },
  set_block: {
    payload: ({ bob }) => ({ userId: bob.userId, blocked: false }),
    row: { participant: 'ok', stranger: 'ok', ...USERS_ONLY },
  },
  // Ignored for a stranger, as for a conversation that does not exist.
  typing: {
    payload: ({ conversationId }) => ({ conversationId, typing: true }),
    row: { participant: 'ok', stranger: 'ok', ...USERS_ONLY },
  },
  watch_presence: {
    payload: ({ bob }) => ({ userIds: [bob.userId] }),
    row: { participant: 'sees', stranger: 'ok', ...USERS_ONLY },
  },
  unwatch_presence: {
    payload: ({ bob }) => ({ userIds: [bob.userId] }),
    row: { participant: 'ok', stranger: 'ok', ...USERS_ONLY },
  },
  // With a token of alice.
  refresh_token: {
    payload: ({ cluster, alice }) => ({ token: tokenFor(cluster, alice.userId) }),
    row: { participant: 'ok', stranger: 'TOKEN_INVALID', ...USERS_ONLY },
  },
};

/** By method and pattern; `path` where the pattern has a parameter. */
const ROUTES: Record<string, { path?(stage: Stage): string; body?(stage: Stage): object; row: Row }> = {
  'post /api/conversations': {
    body: ({ bob }) => ({ participantId: bob.userId }),
    row: { participant: 'ok', stranger: 'ok', ...USERS_ONLY },
  },
  'get /api/messages/conversations': { row: { participant: 'reads', stranger: 'ok', ...USERS_ONLY } },
  'get /api/messages/with/:otherUserId': {
    path: ({ bob }) => `/api/messages/with/${bob.userId}`,
    row: { participant: 'reads', stranger: 'ok', ...USERS_ONLY },
  },
  // What the roles of a group may do is in group-authorisation.test.ts.
  'post /api/groups': { body: () => NEW_GROUP, row: USERS_MAY },
  'get /api/groups/:conversationId': { path: ({ conversationId }) => `/api/groups/${conversationId}`, row: NOT_FOUND },
  'patch /api/groups/:conversationId': {
    path: ({ conversationId }) => `/api/groups/${conversationId}`,
    body: () => ({ title: 'Mine' }),
    row: NO_GROUP,
  },
  'get /api/groups/:conversationId/members': {
    path: ({ conversationId }) => `/api/groups/${conversationId}/members`,
    row: NOT_FOUND,
  },
  'post /api/groups/:conversationId/members': {
    path: ({ conversationId }) => `/api/groups/${conversationId}/members`,
    body: () => ({ userIds: ['carol'] }),
    row: NO_GROUP,
  },
  'delete /api/groups/:conversationId/members/:userId': {
    path: ({ conversationId, bob }) => `/api/groups/${conversationId}/members/${bob.userId}`,
    row: NO_GROUP,
  },
  'put /api/groups/:conversationId/members/:userId/role': {
    path: ({ conversationId, bob }) => `/api/groups/${conversationId}/members/${bob.userId}/role`,
    body: () => ({ role: 'admin' }),
    row: NO_GROUP,
  },
  'get /api/messages/in/:conversationId': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}`,
    row: PARTICIPANT_READS,
  },
  'patch /api/messages/in/:conversationId/:seq': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/1`,
    body: () => ({ content: SECRET_TEXT }),
    row: PARTICIPANT_READS,
  },
  'delete /api/messages/in/:conversationId/:seq': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/99`,
    row: { ...PARTICIPANT_MAY, participant: 'MESSAGE_NOT_FOUND' },
  },
  'get /api/messages/in/:conversationId/:seq/versions': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/1/versions`,
    row: PARTICIPANT_READS,
  },
  'get /api/messages/in/:conversationId/:seq/reactions': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/1/reactions?emoji=x`,
    row: PARTICIPANT_MAY,
  },
  'put /api/messages/in/:conversationId/:seq/reactions/:emoji': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/1/reactions/x`,
    row: PARTICIPANT_READS,
  },
  'delete /api/messages/in/:conversationId/:seq/reactions/:emoji': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/1/reactions/x`,
    row: PARTICIPANT_READS,
  },
  'get /api/messages/in/:conversationId/:seq/readers': {
    path: ({ conversationId }) => `/api/messages/in/${conversationId}/1/readers`,
    row: PARTICIPANT_MAY,
  },
  'patch /api/conversations/:conversationId/settings': {
    path: ({ conversationId }) => `/api/conversations/${conversationId}/settings`,
    body: () => ({ archived: true }),
    row: PARTICIPANT_MAY,
  },
  'get /api/blocks': { row: USERS_MAY },
  'put /api/blocks/:userId': { path: () => '/api/blocks/mallory', row: USERS_MAY },
  'delete /api/blocks/:userId': { path: () => '/api/blocks/mallory', row: USERS_MAY },
  'get /healthz': { row: EVERY_ROLE },
  'get /readyz': { row: EVERY_ROLE },
  'get /': { row: EVERY_ROLE },
  'get /api/docs': { row: EVERY_ROLE },
  'get /api/docs.json': { row: EVERY_ROLE },
  'get /api/asyncapi.json': { row: EVERY_ROLE },
  'get /api/docs/start.js': { row: EVERY_ROLE },
  'get /api/docs/:asset': { path: () => '/api/docs/start.js', row: EVERY_ROLE },
};

const NO_LETTER = { ids: [crypto.randomUUID()] };

/** Routes of the admin listeners of gateway and worker; the query has an id. The drain ends its process, so it is last. */
const ADMIN_ROUTES: Record<string, { service: string; body?: object; row: Row }> = {
  'get /healthz': { service: 'gateway', row: EVERY_ROLE },
  'get /readyz': { service: 'gateway', row: EVERY_ROLE },
  'get /metrics': { service: 'gateway', row: EVERY_ROLE },
  // The pages themselves are not there without WEB_DIR.
  'get /cluster': { service: 'worker-1', row: { ...ADMINISTRATORS, server: 'NOT_FOUND' } },
  'get /assets': { service: 'worker-1', row: { ...ADMINISTRATORS, server: 'NOT_FOUND' } },
  'get /local.json': { service: 'worker-1', row: { ...ADMINISTRATORS, server: 'NOT_FOUND' } },
  'get /cluster/api/overview': { service: 'worker-1', row: ADMINISTRATORS },
  'get /cluster/api/users': { service: 'worker-1', row: ADMINISTRATORS },
  'get /cluster/api/messages': { service: 'worker-1', row: ADMINISTRATORS },
  'get /cluster/api/dead-letters': { service: 'worker-1', row: ADMINISTRATORS },
  'post /cluster/api/users/disconnect': { service: 'worker-1', body: {}, row: ADMINISTRATORS },
  'post /cluster/api/users/revoke': { service: 'worker-1', body: {}, row: ADMINISTRATORS },
  'post /cluster/api/dead-letters/replay': { service: 'worker-1', body: NO_LETTER, row: ADMINISTRATORS },
  'post /cluster/api/dead-letters/drop': { service: 'worker-1', body: NO_LETTER, row: ADMINISTRATORS },
  'get /queues': { service: 'worker-1', row: ADMINISTRATORS },
  'post /conversations': { service: 'gateway', body: { userIds: ['carol', 'dave'] }, row: ADMINISTRATORS },
  'post /groups': {
    service: 'gateway',
    body: { ownerId: 'carol', title: 'Team', userIds: ['dave'] },
    row: ADMINISTRATORS,
  },
  'post /group-members': {
    service: 'gateway',
    body: { conversationId: crypto.randomUUID(), remove: 'dave' },
    row: { ...ADMINISTRATORS, server: 'CONVERSATION_NOT_FOUND' },
  },
  'post /revocations': { service: 'gateway', body: { jti: 'none' }, row: ADMINISTRATORS },
  'post /drain': { service: 'worker-1', row: ADMINISTRATORS },
};

/** With PRESENCE=off and OPEN_CONVERSATIONS=server: the rows that differ. */
const CLOSED: Record<string, Row> = {
  watch_presence: { participant: 'FORBIDDEN', stranger: 'FORBIDDEN', ...USERS_ONLY },
  'post /api/conversations': { participant: 'ok', stranger: 'FORBIDDEN', ...USERS_ONLY },
  create_group: { participant: 'FORBIDDEN', stranger: 'FORBIDDEN', ...USERS_ONLY },
  'post /api/groups': { participant: 'FORBIDDEN', stranger: 'FORBIDDEN', ...USERS_ONLY },
  'post /api/groups/:conversationId/members': { participant: 'FORBIDDEN', stranger: 'FORBIDDEN', ...USERS_ONLY },
};

interface Stage {
  cluster: TestCluster;
  conversationId: string;
  /** A group of alice and bob. */
  groupId: string;
  alice: TestClient;
  bob: TestClient;
  eve: TestClient;
}

describe('the authorisation matrix', () => testMatrix({}, {}));

describe('the authorisation matrix with PRESENCE=off and OPEN_CONVERSATIONS=server', () =>
  testMatrix({ PRESENCE: 'off', OPEN_CONVERSATIONS: 'server' }, CLOSED));

/** `changed`: the rows that these settings change. */
function testMatrix(settings: NodeJS.ProcessEnv, changed: Record<string, Row>): void {
  let stage: Stage;
  /** Every event that eve has received. */
  const toEve: string[] = [];

  before(async () => {
    const env = { ADMIN_TOKEN, QUEUE_BOARD: 'true', ...settings };
    const cluster = await startTestCluster({ gatewayProcesses: 1, env });
    const [a, b, e] = [newUser('alice'), newUser('bob'), newUser('eve')];
    const conversationId = await createAsServer(cluster, 'conversations', { userIds: [a, b] });
    const groupId = await createAsServer(cluster, 'groups', { ownerId: a, title: 'Team', userIds: [b] });
    const [alice, bob, eve] = [await connect(cluster, a), await connect(cluster, b), await connect(cluster, e)];
    await alice.send({ conversationId, content: SECRET_TEXT });
    eve.socket.onAny((...received) => toEve.push(JSON.stringify(received)));
    stage = { cluster, conversationId, groupId, alice, bob, eve };
    if (settings.PRESENCE !== 'off') await eventually(async () => expect(await sees(alice, bob)).to.equal(true));
  });
  after(async () => {
    for (const client of [stage.alice, stage.bob, stage.eve]) client.close();
    await stage.cluster.stop();
  });

  /** What the holder of the role sends as token. */
  function tokenOf(role: Role): string | undefined {
    const { cluster, alice, eve } = stage;
    const tokens = { participant: tokenFor(cluster, alice.userId), stranger: tokenFor(cluster, eve.userId) };
    return { ...tokens, anonymous: undefined, server: ADMIN_TOKEN }[role];
  }

  it('has a row for every event and every route', async () => {
    expect(Object.keys(EVENTS).sort()).to.deep.equal(Object.keys(clientEvents).sort());
    await using edge = await startEdge();
    expect(Object.keys(ROUTES).sort()).to.deep.equal(mountedRoutes(edge.app).sort());
    const adminRoutes = (await Promise.all(['gateway', 'worker-1'].map(adminRoutesOf))).flat();
    expect(Object.keys(ADMIN_ROUTES).sort()).to.deep.equal([...new Set(adminRoutes)].sort());
  });

  for (const [event, { payload, row: usual }] of Object.entries(EVENTS)) {
    const row = changed[event] ?? usual;
    for (const role of ROLES) {
      it(`event ${event}, ${role}: ${row[role]}`, async () => {
        expect(await outcomeOfEvent(event, payload(stage), role)).to.equal(row[role]);
      });
    }
    it(`event ${event}, stranger: the same answers for a conversation, a group, and one that does not exist`, async () => {
      const missing = { ...stage, conversationId: crypto.randomUUID() };
      const answers = await answersTo(event, payload(missing), missing);
      for (const conversationId of [stage.conversationId, stage.groupId]) {
        const foreign = { ...stage, conversationId };
        expect(await answersTo(event, payload(foreign), foreign)).to.deep.equal(answers);
      }
    });
    it(`event ${event}, before the handshake: the connection closes without an answer`, async () => {
      const socket = new WebSocket(`${stage.cluster.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
      const packets: string[] = [];
      socket.addEventListener('message', ({ data }) => {
        packets.push(String(data));
        if (String(data).startsWith('0')) socket.send(`421${JSON.stringify([event, payload(stage)])}`);
      });
      await once(socket, 'close');
      expect(packets.filter((packet) => packet.startsWith('4'))).to.deep.equal([]);
    });
  }

  for (const [route, { path, body, row: usual }] of Object.entries(ROUTES)) {
    const row = changed[route] ?? usual;
    for (const role of ROLES) {
      it(`route ${route}, ${role}: ${row[role]}`, async () => {
        const [method = '', pattern = ''] = route.split(' ');
        const url = stage.cluster.url + (path?.(stage) ?? pattern);
        expect(await outcomeOfRequest(method, url, tokenOf(role), body?.(stage))).to.equal(row[role]);
      });
    }
    if (!route.includes(':conversationId')) continue;
    it(`route ${route}, stranger: the same answer for a conversation, a group, and one that does not exist`, async () => {
      const [missing, ...foreign] = await Promise.all(
        [crypto.randomUUID(), stage.conversationId, stage.groupId].map(async (conversationId) => {
          const [method = ''] = route.split(' ');
          const of = { ...stage, conversationId };
          const response = await request(method, stage.cluster.url + path?.(of), tokenOf('stranger'), body?.(of));
          const text = (await response.text()).replaceAll(conversationId, '<id>');
          return { status: response.status, type: response.headers.get('content-type'), text };
        }),
      );
      expect(missing).to.include({ status: row.stranger === 'FORBIDDEN' ? 403 : 404 });
      for (const one of foreign) expect(one).to.deep.equal(missing);
    });
  }

  it('had the effects of the participants only', async () => {
    const { bob, conversationId } = stage;
    await eventually(() => {
      expect(bob.messages.map(({ content }) => content)).to.deep.equal([SECRET_TEXT, SECRET_TEXT]);
      expect(new Set(bob.typings.map(({ userId }) => userId))).to.deep.equal(new Set([stage.alice.userId]));
    });
    expect(bob.receipts.every(({ userId }) => userId === stage.alice.userId)).to.equal(true);
    expect(bob.messages.every((message) => message.conversationId === conversationId)).to.equal(true);
    expect(toEve.filter((event) => event.includes(conversationId) || event.includes(stage.groupId))).to.deep.equal([]);
  });

  for (const [route, { service, body, row }] of Object.entries(ADMIN_ROUTES)) {
    for (const role of ROLES) {
      it(`admin route ${route}, ${role}: ${row[role]}`, async () => {
        const [method = '', path = ''] = route.split(' ');
        const url = `${adminUrl(service)}${path}?id=${stage.conversationId}`;
        expect(await outcomeOfRequest(method, url, tokenOf(role), body)).to.equal(row[role]);
      });
    }
  }

  function adminUrl(service: string): string {
    return adminUrlOf(stage.cluster, service);
  }

  /** The routes that an admin listener has; it lists them in its 404, and the cluster view those of its API. */
  async function adminRoutesOf(service: string): Promise<string[]> {
    const api = service.startsWith('worker') ? await routesListedBy(`${adminUrl(service)}/cluster/api/nowhere`) : [];
    return [...(await routesListedBy(`${adminUrl(service)}/nowhere`)), ...api];
  }

  async function routesListedBy(url: string): Promise<string[]> {
    const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    const { error } = (await response.json()) as { error: { message: string } };
    const [gets = '', posts = ''] = error.message.split(' and POST ');
    const pathsIn = (list: string) => list.match(/(\/[\w.-]+)+/g) ?? [];
    return [...pathsIn(gets).map((path) => `get ${path}`), ...pathsIn(posts).map((path) => `post ${path}`)];
  }

  /** What eve receives, with and without a request for an ack. The id of the conversation is replaced. */
  async function answersTo(event: string, payload: unknown, { conversationId, eve }: Stage): Promise<object> {
    const socket = eve.socket as unknown as Socket;
    const ack = await socket.timeout(10_000).emitWithAck(event, payload);
    eve.exceptions.length = 0;
    socket.emit(event, payload);
    // An event without an ack is answered only if it fails.
    if (!ack.ok) await eventually(() => expect(eve.exceptions).to.have.length(1));
    // The new token of `refresh_token` is not as old as the earlier one.
    const answers = JSON.stringify([ack, eve.exceptions]).replace(/"expiresInMs":\d+/, '"expiresInMs":0');
    return JSON.parse(answers.replaceAll(conversationId, '<id>'));
  }

  async function outcomeOfEvent(event: string, payload: unknown, role: Role): Promise<string> {
    const token = tokenOf(role);
    const options = { forceNew: true, reconnection: false, auth: token === undefined ? {} : { token } };
    const socket: Socket = io(stage.cluster.url, options);
    try {
      const refused = once(socket as never, 'connect_error').then(([error]) => String(error.data?.code));
      const answered = once(socket as never, 'connect').then(async () => {
        const ack = await socket.timeout(10_000).emitWithAck(event, payload);
        if (!ack.ok) return String(ack.error.code);
        return ack.presence?.some(({ online }: Presence) => online) ? 'sees' : success(JSON.stringify(ack));
      });
      return await Promise.race([refused, answered]);
    } finally {
      socket.disconnect();
    }
  }
}

function adminUrlOf({ processes }: TestCluster, service: string): string {
  return `http://127.0.0.1:${processes.find(({ name }) => name === service)?.adminPort}`;
}

/** Creates a conversation or a group, whatever OPEN_CONVERSATIONS is. */
async function createAsServer(cluster: TestCluster, kind: 'conversations' | 'groups', body: object): Promise<string> {
  const response = await request('post', `${adminUrlOf(cluster, 'gateway')}/${kind}`, ADMIN_TOKEN, body);
  return ((await response.json()) as Conversation).id;
}

async function sees({ socket }: TestClient, { userId }: TestClient): Promise<boolean> {
  const request = socket.timeout(10_000).emitWithAck('watch_presence', { userIds: [userId] } as never);
  const ack = (await request) as WatchPresenceAck | FailureAck;
  return ack.ok && ack.presence.every(({ online }) => online);
}

async function outcomeOfRequest(method: string, url: string, token?: string, body?: object): Promise<string> {
  const response = await request(method, url, token, body);
  const text = await response.text();
  return response.status < 400 ? success(text) : String(JSON.parse(text).error.code);
}

function request(method: string, url: string, token?: string, body?: object): Promise<Response> {
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const init = { method: method.toUpperCase(), headers, redirect: 'manual' as const };
  return fetch(url, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}

function success(text: string): string {
  return text.includes(SECRET_TEXT) ? 'reads' : 'ok';
}
