import type { ConversationId, Member, MembersPage } from '@chat-cluster/contracts';
import { Source } from '../batch.ts';
import type { Engine } from '../engine.ts';
import type { MemberList, MembersSnapshot } from './types.ts';

/** Members on a page. */
const PAGE = 100;

/** The members of a group, page by page. */
export class PagedMembers extends Source<MembersSnapshot> implements MemberList {
  #engine: Engine;
  #path: string;
  #members: readonly Member[] = [];
  /** null: everything is loaded; undefined: nothing. */
  #cursor: string | null | undefined;
  #loading: Promise<void> | undefined;
  /** The members have changed during a load. */
  #isStale = false;

  constructor(engine: Engine, id: ConversationId) {
    super(engine.batch, () => ({
      members: this.#members,
      hasMore: this.#cursor !== null,
      isLoading: this.#loading !== undefined,
    }));
    this.#engine = engine;
    this.#path = `/api/groups/${id}/members?limit=${PAGE}`;
  }

  loadMore(): Promise<void> {
    if (!this.#loading) {
      this.#loading = this.#load(1, this.#members, this.#cursor);
      this.invalidate();
    }
    return this.#loading;
  }

  /** The members have changed: loads again what is loaded. */
  reload(): void {
    if (this.#loading) this.#isStale = true;
    else if (this.#cursor !== undefined) {
      this.#loading = this.#load(Math.ceil(this.#members.length / PAGE) || 1, [], undefined);
      this.invalidate();
      // What is shown stays; the next change or call tries again.
      this.#loading.catch(() => {});
    }
  }

  async #load(pages: number, before: readonly Member[], from: string | null | undefined): Promise<void> {
    try {
      let members = before;
      let cursor = from;
      for (let page = 0; page < pages && cursor !== null; page++) {
        const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const next = await this.#engine.rest.request<MembersPage>(this.#path + query);
        members = [...members, ...next.members];
        cursor = next.nextCursor;
      }
      this.#members = members;
      this.#cursor = cursor;
    } finally {
      this.#loading = undefined;
      this.invalidate();
      if (this.#isStale) {
        this.#isStale = false;
        this.reload();
      }
    }
  }
}
