import type { UserId } from '@chat-cluster/contracts';
import { Source } from '../batch.ts';
import { checkId } from '../draft.ts';
import type { Engine } from '../engine.ts';
import type { Requests } from './requests.ts';
import type { Blocks } from './types.ts';

/** The blocked users of this user, once they are loaded. Then they follow the changes of all devices. */
export class BlockList extends Source<readonly UserId[] | undefined> implements Blocks {
  #engine: Engine;
  #requests: Requests;
  #userIds: readonly UserId[] | undefined;
  /** Number of the last request of the list, and of the one that is shown: a later one has later changes. */
  #requested = 0;
  #shown = 0;

  constructor(engine: Engine, requests: Requests) {
    super(engine.batch, () => this.#userIds);
    this.#engine = engine;
    this.#requests = requests;
  }

  async load(): Promise<void> {
    const request = ++this.#requested;
    const { userIds } = await this.#engine.rest.request<{ userIds: UserId[] }>('/api/blocks');
    if (request > this.#shown) this.#show(userIds, request);
  }

  block(userId: string): Promise<void> {
    return this.#set(userId as UserId, true);
  }

  unblock(userId: string): Promise<void> {
    return this.#set(userId as UserId, false);
  }

  /** The list may have changed. After a failure the next connection tries again. */
  async changed(): Promise<void> {
    if (this.#requested > 0) await this.load().catch(() => {});
  }

  /** Another user is signed in. */
  clear(): void {
    this.#show(undefined, this.#requested);
  }

  async #set(userId: UserId, blocked: boolean): Promise<void> {
    checkId('userId', userId);
    await this.#requests.call('set_block', { userId, blocked });
    await this.changed();
  }

  #show(userIds: readonly UserId[] | undefined, request: number): void {
    this.#userIds = userIds;
    this.#shown = request;
    this.invalidate();
  }
}
