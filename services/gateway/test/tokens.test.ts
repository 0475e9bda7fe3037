/*
 * Longer than 250 lines on purpose: one list of the rules for tokens, with the keys and signers that its cases share.
 */
import { createHmac, sign as cryptoSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ErrorPayload, Rejection } from '@chat-cluster/contracts';
import { createLogger, type Lifecycle, type Repetition } from '@chat-cluster/runtime';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { base64url, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import { type Authenticate, createAuthenticator } from '../src/authenticate.ts';
import { loadConfig } from '../src/config.ts';
import { openPublicKeys, type VerifyPublic } from '../src/public-keys.ts';

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
  const result = await resultOf(authenticate, token);
  return typeof result === 'string' ? result : result.code;
}

/** The user of a token, or the error of its refusal. */
async function resultOf(authenticate: Authenticate, token: unknown): Promise<string | ErrorPayload> {
  try {
    return (await authenticate(token)).userId;
  } catch (error) {
    if (error instanceof Rejection) return error.payload;
    throw error;
  }
}

/** A token whose header and claims are any JSON text. */
function hmacToken(header: string, claims: string, secret: string | Buffer, hash = 'sha256'): string {
  const parts = [header, claims].map((part) => base64url.encode(part)).join('.');
  return `${parts}.${createHmac(hash, secret).update(parts).digest('base64url')}`;
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

  const HOSTILE: [string, string][] = [
    [
      'alg none without a signature',
      `${hmacToken('{"alg":"none"}', '{"sub":"alice","exp":9e9}', SECRET).split('.', 2).join('.')}.`,
    ],
    ['alg none with a signature', hmacToken('{"alg":"none"}', '{"sub":"alice","exp":9e9}', SECRET)],
    ['alg hs256', hmacToken('{"alg":"hs256"}', '{"sub":"alice","exp":9e9}', SECRET)],
    ['HS512 of the right secret', hmacToken('{"alg":"HS512"}', '{"sub":"alice","exp":9e9}', SECRET, 'sha512')],
    ['a header that is a list', hmacToken('["HS256"]', '{"sub":"alice","exp":9e9}', SECRET)],
    ['a header that is null', hmacToken('null', '{"sub":"alice","exp":9e9}', SECRET)],
    ['claims that are no object', hmacToken('{"alg":"HS256"}', '"alice"', SECRET)],
    ['claims that are a list', hmacToken('{"alg":"HS256"}', '[1]', SECRET)],
    ['claims that are null', hmacToken('{"alg":"HS256"}', 'null', SECRET)],
    [
      'a crit that is duplicated',
      hmacToken('{"alg":"HS256","crit":["b64"],"crit":["b64"],"b64":false}', '{"sub":"alice","exp":9e9}', SECRET),
    ],
    ['four parts', `${hmacToken('{"alg":"HS256"}', '{"sub":"alice","exp":9e9}', SECRET)}.x`],
    ['no dot', 'x'],
  ];
  for (const [name, token] of HOSTILE) {
    it(`with ${name}: TOKEN_INVALID`, async () => {
      expect(await outcome(authenticate, token)).to.equal('TOKEN_INVALID');
    });
  }

  it('with a duplicate claim have its last value, in the check and in the result', async () => {
    const token = (claims: string) => hmacToken('{"alg":"HS256"}', claims, SECRET);
    expect(await outcome(authenticate, token('{"sub":"mallory","sub":"alice","exp":9e9}'))).to.equal('alice');
    expect(await outcome(authenticate, token('{"sub":"alice","exp":9e9,"exp":1}'))).to.equal('TOKEN_EXPIRED');
  });

  it('may expire in decades; the time is exact', async () => {
    const exp = now() + 40 * 365 * 86_400;
    const { expiresAt } = await authenticate(signed({ exp }));
    expect(expiresAt).to.equal(exp * 1_000 + 30_000);
    expect((await authenticate(signed({ exp: exp + 0.12345 }))).expiresAt).to.equal(exp * 1_000 + 30_123);
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

describe('a token that is not valid', () => {
  const env = { JWT_SECRET: SECRET, JWT_ISSUER: 'us', JWT_AUDIENCE: 'chat' };
  const good = { sub: 'alice', iss: 'us', aud: 'chat', exp: now() + 600 };
  const CLAIMS: [string, object, RegExp, NodeJS.ProcessEnv?][] = [
    ['a sub that is a number', { sub: 7 }, /: sub is a number; user ids are strings\.$/],
    ['a sub that is null', { sub: null }, /: sub is null; user ids are strings\.$/],
    ['a sub that is a list', { sub: ['alice'] }, /: sub is a list; user ids are strings\.$/],
    ['no sub', { sub: undefined }, /: sub is missing\.$/],
    ['an empty sub', { sub: '' }, /: sub is no user id: /],
    ['a long sub', { sub: 'x'.repeat(65) }, /: sub is no user id: .*64/],
    ['another user claim', { uid: 7 }, /: uid is a number; user ids are strings\.$/, { JWT_USER_CLAIM: 'uid' }],
    ['no exp', { exp: undefined }, /: exp is missing\.$/],
    ['an exp that is a text', { exp: 'tomorrow' }, /: its exp is not accepted here\.$/],
    ['an exp beyond all times', { exp: 1e300 }, /: exp is no time\.$/],
    ['an iat in the future', { iat: now() + 600 }, /: iat is in the future\.$/],
    [
      'no iat, with a maximum age',
      {},
      /: iat is missing; tokens have a maximum age here\.$/,
      { JWT_MAX_AGE_MS: '60000' },
    ],
    ['an nbf in the future', { nbf: now() + 600 }, /: its nbf is not accepted here\.$/],
    ['a jti that is a number', { jti: 7 }, /: jti is a number; it must be a string\.$/],
    ['a long jti', { jti: 'x'.repeat(257) }, /: jti has more than 256 characters\.$/],
    ['another issuer', { iss: 'them' }, /: its iss(uer)? is not accepted here\.$/],
    ['another audience', { aud: 'mail' }, /: its aud(ience)? is not accepted here\.$/],
  ];
  const key = generateKeyPairSync('ed25519');
  const verifyPublic: VerifyPublic = async (token, options) => ({
    claims: (await jwtVerify(token, key.publicKey, options)).payload,
  });
  for (const [name, claims, message, more] of CLAIMS) {
    it(`with ${name} gets a message that names the claim, for a secret and for a public key`, async () => {
      const authenticate = createAuthenticator(configOf({ ...env, ...more }), verifyPublic);
      const text = JSON.stringify({ ...good, ...claims });
      const unsigned = [JSON.stringify({ alg: 'EdDSA' }), text].map((part) => base64url.encode(part)).join('.');
      const tokens = [
        hmacToken('{"alg":"HS256"}', text, SECRET),
        `${unsigned}.${cryptoSign(null, Buffer.from(unsigned), key.privateKey).toString('base64url')}`,
      ];
      for (const token of tokens) {
        const result = await resultOf(authenticate, token);
        expect(result).to.include({ code: 'TOKEN_INVALID', retryable: false });
        expect(result).to.have.property('message').that.matches(message);
      }
    });
  }
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
      const strict = await open({ JWT_KEYS_FILE: file, JWT_SECRET: SECRET });
      const forms = [
        pem,
        PAIRS[alg].publicKey.export({ type: 'spki', format: 'der' }),
        JSON.stringify(await jwk(alg, 'a')),
      ];
      for (const secret of forms) {
        const token = hmacToken('{"alg":"HS256"}', '{"sub":"alice","exp":9e9}', secret);
        expect(await outcome(authenticate, token)).to.equal('TOKEN_INVALID');
        expect(await outcome(strict, token)).to.equal('TOKEN_INVALID');
      }
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

  const KIDS: [string, unknown][] = [
    ['empty', ''],
    ['a path', '../../../../dev/null'],
    ['a URL', 'https://evil.example/keys'],
    ['a query', `' or 1=1 --`],
    ['of a prototype', '__proto__'],
    ['huge', 'x'.repeat(5_000)],
    ['a number', 7],
    ['a list', ['a']],
  ];
  it('are refused with a kid that is not in the key set, whatever it contains', async () => {
    keys = [await jwk('EdDSA', 'a')];
    const authenticate = await open({ JWT_JWKS_URL: url });
    const before = fetches;
    for (const [name, kid] of KIDS) {
      const token = await sign('EdDSA', PAIRS.EdDSA.privateKey, { kid } as never);
      expect(await outcome(authenticate, token), name).to.equal('TOKEN_INVALID');
    }
    expect(fetches - before).to.equal(1);
    expect(await outcome(authenticate, await sign('EdDSA', PAIRS.EdDSA.privateKey, { kid: 'a' }))).to.equal('alice');
  });

  it('are refused when their key is in their own header', async () => {
    keys = [await jwk('EdDSA', 'a')];
    const authenticate = await open({ JWT_JWKS_URL: url });
    const stranger = generateKeyPairSync('ed25519');
    const header = { kid: 'a', jwk: await exportJWK(stranger.publicKey), jku: url, x5u: url };
    expect(await outcome(authenticate, await sign('EdDSA', stranger.privateKey, header as never))).to.equal(
      'TOKEN_INVALID',
    );
  });

  it('of the key of the prober are valid for its own users only, also when another source has the key', async () => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'prober.pem');
    const prober = generateKeyPairSync('ed25519');
    writeFileSync(file, prober.publicKey.export({ type: 'spki', format: 'pem' }));
    keys = [await jwk('EdDSA', 'a'), await jwk('EdDSA', 'b', prober)];
    const env = { JWT_PROBER_KEYS_FILE: file, JWT_JWKS_URL: url };
    const token = (user: string, claim = 'sub') =>
      new SignJWT({ [claim]: user })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'b' })
        .setExpirationTime('1h')
        .sign(prober.privateKey);
    const authenticate = await open(env);
    const own = 'chat-probe-2026-01-01-a';
    expect(await outcome(authenticate, await token(own))).to.equal(own);
    for (const user of ['alice', 'chat-probe', 'Chat-Probe-a', ' chat-probe-a', 'x-chat-probe-a']) {
      const result = await resultOf(authenticate, await token(user));
      expect(result).to.include({ code: 'TOKEN_INVALID', retryable: false });
      expect(result).to.have.property('message').that.includes('its key is only for users chat-probe-');
    }
    const byOtherClaim = await open({ ...env, JWT_USER_CLAIM: 'uid' });
    expect(await outcome(byOtherClaim, await token(own, 'uid'))).to.equal(own);
    expect(await outcome(byOtherClaim, await token('alice', 'uid'))).to.equal('TOKEN_INVALID');
    expect(await outcome(authenticate, await sign('EdDSA', PAIRS.EdDSA.privateKey, { kid: 'a' }))).to.equal('alice');
    const refusal = await open({ ...env, JWT_PROBER_KEYS_FILE: '/nowhere/key.pem' }).catch(String);
    expect(refusal).to.match(/JWT_PROBER_KEYS_FILE has no usable keys: ENOENT.*'$/);
  });

  it('need a file with keys at the start', async () => {
    const refusal = await open({ JWT_KEYS_FILE: '/nowhere/keys.json' }).catch(String);
    expect(refusal).to.match(/JWT_KEYS_FILE has no usable keys: ENOENT.*'$/);
  });
});
