import type { ClientEvent, ServerEvent, UserId } from '@chat-cluster/contracts';

/**
 * What is carried between a client and a fake cluster: an event of the server by its name, the ack of an event of the
 * client, or the event of the client on its way to the server.
 */
export type FakeDelivery = ServerEvent | `ack:${ClientEvent}` | `request:${ClientEvent}`;

/** Which deliveries a fault is about. */
export interface FakeScope {
  /** Only from or to this user. Default: all. */
  user?: string | undefined;
  /** How often. Default: once. */
  times?: number | undefined;
}

interface Rule {
  kind: 'drop' | 'duplicate' | 'hold';
  delivery: FakeDelivery;
  user: string | undefined;
  left: number;
  held: (() => void)[];
}

/**
 * Carries deliveries in microtasks, in the order in which they were sent. Faults drop, repeat or hold some of them; the
 * others then overtake those that are held.
 */
export class Deliveries {
  #rules: Rule[] = [];
  /** Deliveries under way, without those that are held. */
  #underWay = 0;
  #quietTurns = 0;

  carry(delivery: FakeDelivery, user: UserId, arrive: () => void): void {
    const rule = this.#rules.find(
      (one) => one.delivery === delivery && one.left > 0 && (one.user === undefined || one.user === user),
    );
    if (rule) rule.left--;
    if (rule?.kind === 'drop') return;
    if (rule?.kind === 'hold') {
      rule.held.push(arrive);
      return;
    }
    this.schedule(arrive);
    if (rule?.kind === 'duplicate') this.schedule(arrive);
  }

  /** Calls `arrive` in a microtask of its own. */
  schedule(arrive: () => void): void {
    this.#underWay++;
    queueMicrotask(() => {
      this.#underWay--;
      this.#quietTurns = 0;
      arrive();
    });
  }

  drop(delivery: FakeDelivery, scope: FakeScope = {}): void {
    this.#add('drop', delivery, scope.user, scope.times ?? 1);
  }

  duplicate(delivery: FakeDelivery, scope: FakeScope = {}): void {
    this.#add('duplicate', delivery, scope.user, scope.times ?? 1);
  }

  /** Returns a function that delivers what was held, in its order, and ends the hold. */
  hold(delivery: FakeDelivery, scope: Pick<FakeScope, 'user'> = {}): () => void {
    const rule = this.#add('hold', delivery, scope.user, Number.POSITIVE_INFINITY);
    return () => {
      this.#rules = this.#rules.filter((one) => one !== rule);
      for (const arrive of rule.held.splice(0)) this.schedule(arrive);
    };
  }

  /** Ends all faults, and delivers what is held. */
  heal(): void {
    for (const { held } of this.#rules.splice(0)) for (const arrive of held.splice(0)) this.schedule(arrive);
  }

  /** Resolves when nothing is under way, and nothing was for QUIET_TURNS microtasks. */
  async idle(): Promise<void> {
    this.#quietTurns = 0;
    while (this.#underWay > 0 || this.#quietTurns < QUIET_TURNS) {
      await Promise.resolve();
      this.#quietTurns++;
    }
  }

  #add(kind: Rule['kind'], delivery: FakeDelivery, user: string | undefined, left: number): Rule {
    const rule: Rule = { kind, delivery, user, left, held: [] };
    this.#rules.push(rule);
    return rule;
  }
}

/** Microtasks in which a client may react to a delivery, for example await a token, before the cluster counts as idle. */
const QUIET_TURNS = 100;
