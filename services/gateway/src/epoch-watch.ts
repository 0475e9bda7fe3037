import type { StoreEpoch } from '@chat-cluster/contracts';
import {
  type BeatMemory,
  type ClearableMessages,
  type EpochSignal,
  renewEpoch,
  type StoreEpochs,
} from '@chat-cluster/domain';
import { EPOCH_CHANNEL, type PubSub } from '@chat-cluster/redis';
import { every, type Lifecycle, type Logger, logFirstFailure, retry } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';

/** Time between two beats, in ms: a restore to an earlier time than this is detected. */
const BEAT_EVERY_MS = 10_000;

const setBack = new Counter({
  name: 'chat_store_set_back_total',
  help: 'Times that this process found the database in an earlier state than before, and renewed the epoch',
});

export interface EpochWatchDeps extends Pick<PubSub, 'publisher' | 'subscriber'> {
  epochs: StoreEpochs;
  beats: BeatMemory;
  recent: ClearableMessages;
  logger: Logger;
  lifecycle: Pick<Lifecycle, 'own'>;
}

/**
 * The epoch of the store, in the memory of each gateway. Every BEAT_EVERY_MS, and on the signal of a renewal, the gateway
 * counts a beat in Postgres and reads the epoch with it.
 *
 * The database may be restored without a renewal of its epoch, or a failover may lose commits. Then `seq` is assigned
 * again, and devices that hold the lost messages would never receive the new ones. So the number of beats is also kept
 * in Redis and in memory: each beat must be greater than the number that was known before it. If it is not, commits
 * were lost, and the gateway renews the epoch itself. A failover that loses no commit changes nothing.
 */
export class EpochWatch {
  readonly #deps: EpochWatchDeps;
  readonly #listeners: (() => void)[] = [];
  readonly #signal: EpochSignal;
  #epoch: StoreEpoch | undefined;
  #beats = 0;

  constructor(deps: EpochWatchDeps) {
    this.#deps = deps;
    this.#signal = { renewed: async () => void (await deps.publisher.publish(EPOCH_CHANNEL, '')) };
  }

  /** False until the epoch was read once. Before, no client may be accepted. */
  get isKnown(): boolean {
    return this.#epoch !== undefined;
  }

  /** The epoch that the last beat returned. */
  readonly current = (): StoreEpoch => {
    if (this.#epoch === undefined) throw new Error('the epoch of the store is not known yet');
    return this.#epoch;
  };

  /** Resolves when the epoch is known and followed. Waits while Postgres is away. */
  async start(): Promise<void> {
    const { subscriber, logger, lifecycle } = this.#deps;
    const failed = logFirstFailure(logger, 'epoch: reading it');
    await retry(() => this.#beat(), { onFailure: failed });
    const reads = every(
      BEAT_EVERY_MS,
      () => this.#beat(),
      (error) => failed(error, 0),
    );
    lifecycle.own('epoch', reads, (repetition) => repetition.stop());
    subscriber.onGap(() => reads.now());
    void subscriber.subscribe(EPOCH_CHANNEL, () => reads.now()).then(() => reads.now());
  }

  /** Calls `listener` after each renewal. */
  onRenewed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async #beat(): Promise<void> {
    const { epochs, beats: memory } = this.#deps;
    // Before the beat: only numbers that were committed earlier are compared with it.
    const seen = await memory.seen().catch(() => new Map<StoreEpoch, number>());
    let { epoch, beats } = await epochs.beat();
    const known = Math.max(seen.get(epoch) ?? 0, epoch === this.#epoch ? this.#beats : 0);
    if (beats <= known) epoch = await this.#renew(epoch, { beats, known });
    await memory.note({ epoch, beats }).catch(() => {});
    const renewed = this.isKnown && epoch !== this.#epoch;
    this.#epoch = epoch;
    this.#beats = beats;
    if (!renewed) return;
    this.#deps.logger.warn({ epoch }, 'epoch: it was renewed, all devices load their messages anew');
    for (const listener of this.#listeners) listener();
  }

  async #renew(from: StoreEpoch, counts: { beats: number; known: number }): Promise<StoreEpoch> {
    const { epochs, recent, logger } = this.#deps;
    logger.error({ epoch: from, ...counts }, 'epoch: the database was set back to an earlier state, commits are lost');
    setBack.inc();
    const signal = { renewed: () => this.#signal.renewed().catch(() => {}) };
    return renewEpoch({ epochs, recent, signal }, from);
  }
}
