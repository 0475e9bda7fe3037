import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ADMIN_TOKEN, workerUrl } from './view-client.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`olga:${password}`).toString('base64')}`,
});
const bearer = { authorization: `Bearer ${ADMIN_TOKEN}` };

interface Case {
  what: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
  status: number;
  code?: string;
}

const READ = '/cluster/api/overview';
const ACT = '/cluster/api/users/disconnect?id=alice';
const act = { method: 'POST', path: ACT, body: '{}' };

/** Requests to a worker with ADMIN_TOKEN. */
const WITH_TOKEN: Case[] = [
  { what: 'no token', status: 401, code: 'UNAUTHORIZED' },
  { what: 'a wrong password', headers: basic('wrong'), status: 401, code: 'UNAUTHORIZED' },
  { what: 'the token as password', headers: basic(ADMIN_TOKEN), status: 200 },
  { what: 'the token as bearer, by any Host', headers: { ...bearer, host: 'chat.internal' }, status: 200 },
  { what: 'the page without a token', path: '/cluster', status: 401, code: 'UNAUTHORIZED' },
  { what: 'an asset without a token', path: '/assets/main.js', status: 401, code: 'UNAUTHORIZED' },
  { what: 'the page, with WEB_DIR unset', path: '/cluster', headers: bearer, status: 404, code: 'NOT_FOUND' },
  {
    what: 'a page of another origin that reads',
    headers: { ...bearer, origin: 'http://evil.example' },
    status: 403,
    code: 'ORIGIN_NOT_ALLOWED',
  },
  { what: 'an action without a token', ...act, headers: JSON_TYPE, status: 401, code: 'UNAUTHORIZED' },
  { what: 'an action', ...act, headers: { ...bearer, ...JSON_TYPE }, status: 200 },
  {
    what: 'an action of the own page',
    ...act,
    headers: { ...basic(ADMIN_TOKEN), ...JSON_TYPE, host: 'ops.internal:9091', origin: 'https://ops.internal:9091' },
    status: 200,
  },
  {
    what: 'an action of a page of another origin, with the password of the browser',
    ...act,
    headers: { ...basic(ADMIN_TOKEN), ...JSON_TYPE, origin: 'http://evil.example' },
    status: 403,
    code: 'ORIGIN_NOT_ALLOWED',
  },
  {
    what: 'an action of a page without an origin',
    ...act,
    headers: { ...basic(ADMIN_TOKEN), ...JSON_TYPE, origin: 'null' },
    status: 403,
    code: 'ORIGIN_NOT_ALLOWED',
  },
  {
    what: 'an action with the content type of a form',
    ...act,
    headers: { ...bearer, 'content-type': 'text/plain' },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  { what: 'an action without a content type', ...act, headers: bearer, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
  {
    what: 'a body of more than 64 kB',
    ...act,
    headers: { ...bearer, ...JSON_TYPE },
    body: JSON.stringify('x'.repeat(65_536)),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
  {
    what: 'a body that is not JSON',
    ...act,
    headers: { ...bearer, ...JSON_TYPE },
    body: '{',
    status: 400,
    code: 'VALIDATION_FAILED',
  },
  {
    what: 'a body with unknown fields',
    ...act,
    headers: { ...bearer, ...JSON_TYPE },
    body: '{"userId":"bob"}',
    status: 400,
    code: 'VALIDATION_FAILED',
  },
  {
    what: 'more than 100 ids',
    method: 'POST',
    path: '/cluster/api/dead-letters/drop',
    headers: { ...bearer, ...JSON_TYPE },
    body: JSON.stringify({ ids: Array.from({ length: 101 }, () => crypto.randomUUID()) }),
    status: 400,
    code: 'VALIDATION_FAILED',
  },
  { what: 'a GET of an action', path: ACT, headers: bearer, status: 405, code: 'METHOD_NOT_ALLOWED' },
  { what: 'a POST to what is read', ...act, path: READ, headers: bearer, status: 405, code: 'METHOD_NOT_ALLOWED' },
];

/** Requests to a worker without ADMIN_TOKEN, which listens on loopback. */
const WITHOUT_TOKEN: Case[] = [
  { what: 'a request to an address', status: 200 },
  { what: 'a request to another Host', headers: { host: 'evil.example' }, status: 403, code: 'HOST_NOT_ALLOWED' },
  { what: 'an action', ...act, headers: JSON_TYPE, status: 403, code: 'ADMIN_TOKEN_MISSING' },
  {
    what: 'a page of another origin that acts',
    ...act,
    headers: { ...JSON_TYPE, origin: 'http://evil.example' },
    status: 403,
    code: 'ORIGIN_NOT_ALLOWED',
  },
];

function testAccess(settings: NodeJS.ProcessEnv, cases: readonly Case[]): void {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startTestCluster({ gatewayProcesses: 1, env: settings });
  });
  after(() => cluster?.stop());

  for (const { what, method = 'GET', path = READ, headers = {}, body = '', status, code } of cases) {
    it(`responds ${status}${code ? ` ${code}` : ''} to ${what}`, async () => {
      // Not fetch, which sets Host and Origin itself.
      const { hostname, port } = new URL(workerUrl(cluster));
      const outgoing = request({ hostname, port, path, method, headers, agent: false }).end(body);
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      const answer = JSON.parse(await text(response)) as { error?: { code: string } };
      expect(response.statusCode, JSON.stringify(answer)).to.equal(status);
      expect(answer.error?.code).to.equal(code);
    });
  }
}

describe('access to the cluster view with ADMIN_TOKEN', () => testAccess({ ADMIN_TOKEN }, WITH_TOKEN));
describe('access to the cluster view without ADMIN_TOKEN', () => testAccess({}, WITHOUT_TOKEN));
