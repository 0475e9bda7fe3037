import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PROBER_USER_PREFIX } from '@chat-cluster/contracts';
import { every, type Lifecycle, type Logger, logFirstFailure, reasonOf, retry, UserError } from '@chat-cluster/runtime';
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { Counter } from 'prom-client';
import type { GatewayConfig } from './config.ts';

const failures = new Counter({
  name: 'chat_token_keys_failures_total',
  help: 'Failed reads of the public keys of tokens (JWT_KEYS_FILE, JWT_PROBER_KEYS_FILE, JWT_JWKS_URL); the last keys stay',
});

/** Shortest time between two refreshes because of an unknown `kid`, in ms: strangers choose the `kid` of a token. */
const COOL_DOWN_MS = 10_000;
/** Time between two regular refreshes, in ms. A removed key is valid until the next one. */
const REFRESH_EVERY_MS = 300_000;
/** Time limit for the key set of a URL, in ms. */
const FETCH_MS = 5_000;
/** Never HS256, or a token could be signed with a public key as its secret. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'Ed25519'];

/** The claims of a token, and the prefix of the only user ids that its key may sign for, if it is limited. */
export interface VerifiedToken {
  claims: JWTPayload;
  userPrefix?: string | undefined;
}

/** Verifies the signature and the standard claims of a token. Throws an error of jose. */
export type VerifyPublic = (token: string, options: JWTVerifyOptions) => Promise<VerifiedToken>;

/**
 * Opens the public keys of JWT_KEYS_FILE, JWT_JWKS_URL and JWT_PROBER_KEYS_FILE; the last ones are only for the users of
 * the prober. All are read again every few minutes, and when a token names an unknown `kid`, so keys rotate without a
 * restart. While a source cannot be read, its last keys stay. Waits until the URL was read once; throws UserError when a
 * file is invalid. Undefined without a source.
 */
export async function openPublicKeys(
  config: Pick<GatewayConfig, 'JWT_KEYS_FILE' | 'JWT_JWKS_URL' | 'JWT_PROBER_KEYS_FILE'>,
  { logger, lifecycle }: { logger: Logger; lifecycle: Pick<Lifecycle, 'own'> },
): Promise<VerifyPublic | undefined> {
  const sources: KeySource[] = [];
  const addFile = async (setting: 'JWT_KEYS_FILE' | 'JWT_PROBER_KEYS_FILE', userPrefix?: string) => {
    const file = config[setting];
    if (file === undefined) return;
    const source = new KeySource(file, (path) => readFile(path, 'utf8'), userPrefix);
    await source.read().catch((error: unknown) => {
      throw new UserError(`${setting} has no usable keys: ${reasonOf(error)}`);
    });
    sources.push(source);
  };
  // First, so that a key that is also in another source stays limited.
  await addFile('JWT_PROBER_KEYS_FILE', PROBER_USER_PREFIX);
  await addFile('JWT_KEYS_FILE');
  if (config.JWT_JWKS_URL !== undefined) {
    const source = new KeySource(config.JWT_JWKS_URL, fetchText);
    await retry(() => source.read(), {
      onFailure: logFirstFailure(logger, 'tokens: reading the keys of JWT_JWKS_URL'),
    });
    sources.push(source);
  }
  if (sources.length === 0) return undefined;
  const keys = new PublicKeys(sources, logger);
  const refreshes = every(REFRESH_EVERY_MS, () => keys.refresh());
  lifecycle.own('public keys', refreshes, (repetition) => repetition.stop());
  return (token, options) => keys.verify(token, options);
}

class PublicKeys {
  readonly #sources: readonly KeySource[];
  readonly #logger: Logger;
  #refresh: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;

  constructor(sources: readonly KeySource[], logger: Logger) {
    this.#sources = sources;
    this.#logger = logger;
  }

  async verify(token: string, options: JWTVerifyOptions): Promise<VerifiedToken> {
    try {
      return await this.#verify(token, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const isCool = performance.now() - this.#refreshedAt >= COOL_DOWN_MS;
      if (!isCool && !this.#refresh) throw error;
      await this.refresh();
      return this.#verify(token, options);
    }
  }

  /** Reads all sources again. Never rejects. A call during a refresh waits for it. */
  refresh(): Promise<void> {
    this.#refreshedAt = performance.now();
    this.#refresh ??= Promise.all(this.#sources.map((source) => this.#read(source))).then(() => {
      this.#refresh = undefined;
    });
    return this.#refresh;
  }

  async #read(source: KeySource): Promise<void> {
    await source.read().catch((error: unknown) => {
      failures.inc();
      this.#logger.warn({ source: source.from, reason: reasonOf(error) }, 'tokens: keys not read, the last ones stay');
    });
  }

  /** Tries each source: the token of one issuer may name no `kid`, or one that another source has too. */
  async #verify(token: string, options: JWTVerifyOptions): Promise<VerifiedToken> {
    let unknown: unknown;
    for (const { key, userPrefix } of this.#sources) {
      try {
        const { payload } = await jwtVerify(token, key, { ...options, algorithms: ALGORITHMS });
        return { claims: payload, userPrefix };
      } catch (error) {
        if (!isOtherKey(error)) throw error;
        if (!(unknown instanceof errors.JWKSNoMatchingKey)) unknown = error;
      }
    }
    throw unknown;
  }
}

type FindKey = (header: JWTHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** A PEM file with one public key, or a JSON Web Key Set, in a file or at a URL. */
class KeySource {
  readonly from: string;
  readonly userPrefix: string | undefined;
  readonly #load: (from: string) => Promise<string>;
  #text: string | undefined;
  #find: FindKey | undefined;

  constructor(from: string, load: (from: string) => Promise<string>, userPrefix?: string) {
    this.from = from;
    this.userPrefix = userPrefix;
    this.#load = load;
  }

  readonly key: FindKey = (header, token) => {
    if (!this.#find) throw new errors.JWKSNoMatchingKey();
    return this.#find(header, token);
  };

  async read(): Promise<void> {
    const text = await this.#load(this.from);
    // The set caches its imported keys, so it is replaced only by a different one.
    if (text === this.#text) return;
    this.#find = text.trimStart().startsWith('-----BEGIN') ? pemKey(text) : keySet(text);
    this.#text = text;
  }
}

function keySet(text: string): FindKey {
  return createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
}

/** The key has no `kid`, so it fits every one. */
function pemKey(text: string): FindKey {
  const find = createLocalJWKSet({ keys: [createPublicKey(text).export({ format: 'jwk' })] } as JSONWebKeySet);
  return ({ kid: _, ...header }, token) => find(header, token);
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.text();
}

function isOtherKey(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JWSSignatureVerificationFailed
  );
}
