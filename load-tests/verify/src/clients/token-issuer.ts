import { signToken } from '@chat-cluster/local-cluster';
import type { Random } from '@chat-cluster/testkit';

/** The replacement of a valid token: an error, or a token that has expired. */
export type TokenTrouble = 'error' | 'expired';

/** Life of a token unless a fault states another, in s. */
const DAY_S = 86_400;

/** The server of an application that signs the tokens of its users. A fault shortens their life, and makes it fail. */
export class TokenIssuer {
  /** Shortest and longest life of new tokens, in s. */
  life: readonly [number, number];
  /** Users without valid tokens: their devices may stop. */
  readonly troubled = new Map<string, TokenTrouble>();
  #secret: string;
  #random: Random;

  constructor(
    { jwtSecret }: { jwtSecret: string },
    random: Random = Math.random,
    life: TokenIssuer['life'] = [DAY_S, DAY_S],
  ) {
    this.#secret = jwtSecret;
    this.#random = random;
    this.life = life;
  }

  /** Throws while it fails for the user. */
  issue(userId: string): string {
    const trouble = this.troubled.get(userId);
    if (trouble === 'error') throw new Error('the issuer of tokens is away');
    const [shortest, longest] = this.life;
    const life = shortest + Math.round(this.#random() * (longest - shortest));
    return signToken(userId, this.#secret, trouble === 'expired' ? -1 : life);
  }

  /** Issues valid tokens to everyone from now on, which last a day. */
  recover(): void {
    this.troubled.clear();
    this.life = [DAY_S, DAY_S];
  }
}
