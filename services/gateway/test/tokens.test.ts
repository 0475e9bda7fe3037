import { createHmac, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Rejection } from '@chat-cluster/contracts';
import { createLogger, type Lifecycle, type Repetition } from '@chat-cluster/runtime';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { base64url, exportJWK, type JWK, SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import { type Authenticate, createAuthenticator } from '../src/authenticate.ts';
import { loadConfig } from '../src/config.ts';
import { openPublicKeys } from '../src/public-keys.ts';

const SECRET = randomBytes(32).toString('hex');
const logger = createLogger({ name: 'test', level: 'fatal', format: 'json' });
const now = () => Math.floor(Date.now() / 1_000);

const PAIRS = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
} as const;
type Algorithm = keyof typeof PAIRS;
const ALGORITHMS = Object.keys(PAIRS) as Algorithm[];

function configOf(env: NodeJS.ProcessEnv) {
  return loadConfig({ DATABASE_URL: 'postgres://none', REDIS_URL: 'redis://none', ...env });
}

/** The outcome for a token: its user, or the code of the refusal. */
async function outcome(authenticate: Authenticate, token: unknown): Promise<string> {
  try {
    return (await authenticate(token)).userId;
  } catch (error) {
    if (error instanceof Rejection) return error.payload.code;
    throw error;
  }
}

function sign(alg: Algorithm, key: KeyObject, header: { kid?: string } = {}): Promise<string> {
  return new SignJWT({ sub: 'alice' })
    .setProtectedHeader({ alg, ...header })
    .setExpirationTime('1h')
    .sign(key);
}

describe('tokens of a secret', () => {
  const authenticate = createAuthenticator(configOf({ JWT_SECRET: SECRET }));
  const signed = (claims: object, header: object = {}, secret = SECRET) =>
    jwt.sign({ sub: 'alice', exp: now() + 600, ...claims }, secret, { header: { alg: 'HS256', ...header } as never });

  const HEADERS: [string, object, string][] = [
    ['no typ', { typ: undefined }, 'alice'],
    ['typ JWT', { typ: 'JWT' }, 'alice'],
    ['typ at+jwt', { typ: 'at+jwt' }, 'alice'],
    ['the typ of a logout token', { typ: 'logout+jwt' }, 'TOKEN_INVALID'],
    ['a typ that is no text', { typ: 7 }, 'TOKEN_INVALID'],
    ['crit with an unknown extension', { crit: ['exp-urn'], 'exp-urn': 1 }, 'TOKEN_INVALID'],
    ['crit that is no list', { crit: 'x' }, 'TOKEN_INVALID'],
  ];
  for (const [name, header, expected] of HEADERS) {
    it(`with ${name}: ${expected}`, async () => {
      expect(await outcome(authenticate, signed({}, header))).to.equal(expected);
    });
  }

  it('are refused when iat is in the future, beyond the tolerance, or no time', async () => {
    expect(await outcome(authenticate, signed({ iat: now() + 20 }))).to.equal('alice');
    expect(await outcome(authenticate, signed({ iat: now() + 60 }))).to.equal('TOKEN_INVALID');
    const claims = { sub: 'alice', exp: now() + 600, iat: 'yesterday' };
    const parts = [{ alg: 'HS256' }, claims].map((part) => base64url.encode(JSON.stringify(part))).join('.');
    const token = `${parts}.${createHmac('sha256', SECRET).update(parts).digest('base64url')}`;
    expect(await outcome(authenticate, token)).to.equal('TOKEN_INVALID');
  });

  it('expire at their maximum age', async () => {
    const strict = createAuthenticator(
      configOf({ JWT_SECRET: SECRET, JWT_MAX_AGE_MS: '60000', JWT_CLOCK_TOLERANCE_MS: '0' }),
    );
    expect(await outcome(strict, signed({ iat: now() - 30 }))).to.equal('alice');
    expect((await strict(signed({ iat: now() - 30 }))).expiresAt).to.be.within(
      Date.now() + 28_000,
      Date.now() + 31_000,
    );
    expect(await outcome(strict, signed({ iat: now() - 61 }))).to.equal('TOKEN_EXPIRED');
    const ageless = jwt.sign({ sub: 'alice', exp: now() + 600 }, SECRET, { noTimestamp: true });
    expect(await outcome(strict, ageless)).to.equal('TOKEN_INVALID');
    expect(await outcome(authenticate, ageless)).to.equal('alice');
  });

  it('of the previous secret stay valid during a change', async () => {
    const next = createAuthenticator(
      configOf({ JWT_SECRET: randomBytes(32).toString('hex'), JWT_PREVIOUS_SECRET: SECRET }),
    );
    expect(await outcome(next, signed({}))).to.equal('alice');
    expect(await outcome(next, signed({ exp: now() - 60 }))).to.equal('TOKEN_EXPIRED');
    expect(await outcome(next, signed({}, {}, 'another'))).to.equal('TOKEN_INVALID');
  });
});

describe('tokens of public keys', () => {
  const repetitions: Repetition[] = [];
  const lifecycle = {
    own(_name: string, value: Repetition) {
      repetitions.push(value);
      return value;
    },
  } as unknown as Lifecycle;
  let server: Server;
  let url: string;
  /** The key set at `url`; undefined: status 503. */
  let keys: JWK[] | undefined;
  let fetches = 0;

  before(async () => {
    server = createServer((_request, response) => {
      fetches++;
      response.writeHead(keys ? 200 : 503).end(JSON.stringify({ keys }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  });
  afterEach(() => Promise.all(repetitions.splice(0).map((repetition) => repetition.stop())));
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  async function open(env: NodeJS.ProcessEnv): Promise<Authenticate> {
    const config = configOf(env);
    return createAuthenticator(config, await openPublicKeys(config, { logger, lifecycle }));
  }
  const jwk = async (alg: Algorithm, kid: string, pair: { publicKey: KeyObject } = PAIRS[alg]): Promise<JWK> => ({
    ...(await exportJWK(pair.publicKey)),
    kid,
    alg,
    use: 'sig',
  });

  for (const alg of ALGORITHMS) {
    it(`of ${alg} are accepted with the key in a PEM file, with and without a kid, and no others`, async () => {
      await using folder = temporaryFolder();
      const file = join(folder.path, 'key.pem');
      const pem = PAIRS[alg].publicKey.export({ type: 'spki', format: 'pem' });
      writeFileSync(file, pem);
      const authenticate = await open({ JWT_KEYS_FILE: file });
      expect(await outcome(authenticate, await sign(alg, PAIRS[alg].privateKey))).to.equal('alice');
      expect(await outcome(authenticate, await sign(alg, PAIRS[alg].privateKey, { kid: 'a' }))).to.equal('alice');
      for (const other of ALGORITHMS.filter((one) => one !== alg)) {
        expect(await outcome(authenticate, await sign(other, PAIRS[other].privateKey))).to.equal('TOKEN_INVALID');
      }
      const confused = [{ alg: 'HS256' }, { sub: 'alice', exp: now() + 60 }];
      const parts = confused.map((part) => base64url.encode(JSON.stringify(part))).join('.');
      const token = `${parts}.${createHmac('sha256', pem).update(parts).digest('base64url')}`;
      expect(await outcome(authenticate, token)).to.equal('TOKEN_INVALID');
    });
  }

  it('check issuer, audience and expiry', async () => {
    keys = [await jwk('ES256', 'a')];
    const authenticate = await open({ JWT_JWKS_URL: url, JWT_ISSUER: 'us', JWT_AUDIENCE: 'chat' });
    const token = (issuer: string, audience: string, exp: number) =>
      new SignJWT({ sub: 'alice' })
        .setProtectedHeader({ alg: 'ES256', kid: 'a' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime(exp)
        .sign(PAIRS.ES256.privateKey);
    expect(await outcome(authenticate, await token('us', 'chat', now() + 60))).to.equal('alice');
    expect(await outcome(authenticate, await token('them', 'chat', now() + 60))).to.equal('TOKEN_INVALID');
    expect(await outcome(authenticate, await token('us', 'mail', now() + 60))).to.equal('TOKEN_INVALID');
    expect(await outcome(authenticate, await token('us', 'chat', now() - 60))).to.equal('TOKEN_EXPIRED');
  });

  it('rotate without a restart; an unknown kid is looked up once per cool-down', async () => {
    keys = [await jwk('EdDSA', 'old')];
    const authenticate = await open({ JWT_JWKS_URL: url });
    const next = generateKeyPairSync('ed25519');
    const renewed = await sign('EdDSA', next.privateKey, { kid: 'new' });
    keys = [await jwk('EdDSA', 'old'), await jwk('EdDSA', 'new', next)];
    const before = fetches;
    const results = await Promise.all(Array.from({ length: 20 }, () => outcome(authenticate, renewed)));
    expect(new Set(results)).to.deep.equal(new Set(['alice']));
    expect(await outcome(authenticate, await sign('EdDSA', PAIRS.EdDSA.privateKey, { kid: 'old' }))).to.equal('alice');
    for (let i = 0; i < 20; i++) {
      const token = await sign('EdDSA', next.privateKey, { kid: `unknown-${i}` });
      expect(await outcome(authenticate, token)).to.equal('TOKEN_INVALID');
    }
    expect(fetches - before).to.equal(1);
  });

  it('stay valid while the URL cannot be read', async () => {
    keys = [await jwk('RS256', 'a')];
    const authenticate = await open({ JWT_JWKS_URL: url });
    keys = undefined;
    expect(await outcome(authenticate, await sign('RS256', PAIRS.RS256.privateKey, { kid: 'b' }))).to.equal(
      'TOKEN_INVALID',
    );
    expect(await outcome(authenticate, await sign('RS256', PAIRS.RS256.privateKey, { kid: 'a' }))).to.equal('alice');
  });

  it('of a file, of a URL and of a secret are accepted side by side, whatever their kid', async () => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'prober.pem');
    const prober = generateKeyPairSync('ed25519');
    writeFileSync(file, prober.publicKey.export({ type: 'spki', format: 'pem' }));
    keys = [await jwk('EdDSA', 'a')];
    const authenticate = await open({ JWT_KEYS_FILE: file, JWT_JWKS_URL: url, JWT_SECRET: SECRET });
    expect(await outcome(authenticate, await sign('EdDSA', prober.privateKey))).to.equal('alice');
    expect(await outcome(authenticate, await sign('EdDSA', PAIRS.EdDSA.privateKey, { kid: 'a' }))).to.equal('alice');
    expect(await outcome(authenticate, jwt.sign({ sub: 'alice' }, SECRET, { expiresIn: 60 }))).to.equal('alice');
    const stranger = generateKeyPairSync('ed25519');
    expect(await outcome(authenticate, await sign('EdDSA', stranger.privateKey, { kid: 'a' }))).to.equal(
      'TOKEN_INVALID',
    );
  });

  it('need a file with keys at the start', async () => {
    const refusal = await open({ JWT_KEYS_FILE: '/nowhere/keys.json' }).catch(String);
    expect(refusal).to.match(/JWT_KEYS_FILE has no usable keys: .*ENOENT/);
  });
});
