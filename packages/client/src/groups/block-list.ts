import type { UserId } from '@chat-cluster/contracts';
import { Source } from '../batch.ts';
import { checkId } from '../draft.ts';
import type { Engine } from '../engine.ts';
import type { Requests } from './requests.ts';
import type { Blocks } from './types.ts';

/** The blocked users of this user, once they are loaded. */
export class BlockList extends Source<readonly UserId[] | undefined> implements Blocks {
  #engine: Engine;
  #requests: Requests;
  #userIds: readonly UserId[] | undefined;

  constructor(engine: Engine, requests: Requests) {
    super(engine.batch, () => this.#userIds);
    this.#engine = engine;
    this.#requests = requests;
  }

  async load(): Promise<void> {
    const { userIds } = await this.#engine.rest.request<{ userIds: UserId[] }>('/api/blocks');
    this.#show(userIds);
  }

  block(userId: string): Promise<void> {
    return this.#set(userId as UserId, true);
  }

  unblock(userId: string): Promise<void> {
    return this.#set(userId as UserId, false);
  }

  /** Another user is signed in. */
  clear(): void {
    this.#show(undefined);
  }

  async #set(userId: UserId, blocked: boolean): Promise<void> {
    checkId(blocked ? 'block' : 'unblock', userId);
    await this.#requests.call('set_block', { userId, blocked });
    const others = this.#userIds?.filter((one) => one !== userId);
    this.#show(others && blocked ? [...others, userId].sort() : others);
  }

  #show(userIds: readonly UserId[] | undefined): void {
    this.#userIds = userIds;
    this.invalidate();
  }
}
