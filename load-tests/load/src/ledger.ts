/*
 * What is to be true of one conversation of two users, whose devices are both in this process. A message is written down
 * when it is to be sent, and struck off once it is acknowledged and held by both devices, so the ledger is as long as what
 * is under way. What can be seen to be wrong at once is counted at once; the rest at the end, by `settle`.
 */
import type { Counts } from './counts.ts';
import { type Entry, type Heard, newPlace, type Place, type Side } from './entry.ts';
import { Live } from './held.ts';
import type { Meter } from './meter.ts';

const BOTH = 0b11;

export class Ledger {
  readonly conversationId: string;
  readonly places: readonly [Place, Place];
  readonly #tag: string;
  readonly #meter: Meter;
  readonly #counts: Counts;
  readonly #entries = new Map<number, Entry>();
  /** Of entries that have a seq. */
  readonly #bySeq = new Map<number, Entry>();
  /** Numbers of those that are not stored, by what we were told. */
  readonly #refused = new Set<number>();
  #next = 0;

  /** `run` makes the client message ids of this run its own: 1 to 40 characters. */
  constructor(conversationId: string, userIds: readonly [string, string], run: string, meter: Meter) {
    this.conversationId = conversationId;
    this.places = [newPlace(userIds[0]), newPlace(userIds[1])];
    this.#tag = `${run}.`;
    this.#meter = meter;
    this.#counts = meter.counts;
  }

  begin(sender: Side, intended: number): Entry {
    const entry: Entry = {
      number: this.#next++,
      sender,
      intended,
      attempts: 0,
      connection: 0,
      ackedBefore: 0,
      seq: 0,
      acked: false,
      ackedAt: 0,
      givenUp: false,
      heardBy: 0,
    };
    this.#entries.set(entry.number, entry);
    this.#counts.sent++;
    return entry;
  }

  clientMessageId(entry: Entry): string {
    return this.#tag + entry.number;
  }

  attempt(entry: Entry, connection: number): void {
    if (entry.attempts++ > 0) return;
    entry.connection = connection;
    entry.ackedBefore = this.places[entry.sender].acked;
  }

  ack(entry: Entry, seq: number): void {
    const now = performance.now();
    if (entry.acked) {
      // An answer to an earlier attempt.
      if (entry.seq !== seq) this.#counts.duplicated++;
      return;
    }
    entry.acked = true;
    entry.ackedAt = now;
    this.#counts.acked++;
    this.#meter.record('acks', entry.intended, now);
    if (entry.seq !== 0 && entry.seq !== seq) this.#counts.duplicated++;
    else this.#take(entry, seq);
    this.#checkOrder(entry, seq);
    this.#strikeOff(entry);
  }

  /** It is not stored, and will not be. */
  refuse(entry: Entry): void {
    this.#entries.delete(entry.number);
    this.#refused.add(entry.number);
  }

  /** Nobody knows whether it is stored. */
  giveUp(entry: Entry): void {
    entry.givenUp = true;
    this.#strikeOff(entry);
  }

  /** A device has a new connection: what came live on the one before is no measure any more. */
  connected(side: Side): void {
    this.places[side].live = new Live();
  }

  /** A stored message at the device of one side: as an event (`live`), or in an answer to sync. */
  hear(side: Side, { seq, senderId, clientMessageId }: Heard, live: boolean): void {
    const place = this.places[side];
    const fresh = place.held.add(seq);
    if (live) this.#checkArrival(place, seq, fresh);
    const number = this.#numberOf(clientMessageId);
    const entry = number === undefined ? undefined : this.#entries.get(number);
    if (!fresh) {
      // The seq is held, but not as this message: one seq for two.
      if (entry && (entry.heardBy & (1 << side)) === 0) this.#counts.gaps++;
      return;
    }
    if (senderId !== place.userId) place.unread.push(seq);
    if (number === undefined) this.#counts.foreign++;
    else if (entry) this.#hold(side, entry, seq, live);
    // Struck off, so both devices hold it under another seq.
    else if (!this.#refused.has(number)) this.#counts.duplicated++;
    else this.#counts.unexpected++;
  }

  /** The first sync of a side: everything up to `lastSeq` was there before. */
  startAt(side: Side, lastSeq: number): void {
    const place = this.places[side];
    place.base = lastSeq;
    place.held.upTo = lastSeq;
  }

  /** An ack of read_messages, or a read mark in an answer to sync. */
  read(side: Side, upToSeq: number): void {
    const place = this.places[side];
    place.readMark = Math.max(place.readMark, upToSeq);
    place.unread = place.unread.filter((seq) => seq > upToSeq);
  }

  /** Unread messages of a side, as far as this process can know; undefined where older ones may be unread too. */
  unreadOf(side: Side): number | undefined {
    const { base = 0, readMark, unread } = this.places[side];
    return base > readMark ? undefined : unread.length;
  }

  /** Acknowledged `olderThanMs` ago, and not at both devices yet. */
  missing(olderThanMs: number): number {
    const before = performance.now() - olderThanMs;
    let missing = 0;
    for (const { acked, ackedAt } of this.#entries.values()) if (acked && ackedAt < before) missing++;
    return missing;
  }

  /** Nothing is under way, and no device sees a hole. */
  get atRest(): boolean {
    return this.#entries.size === 0 && this.places.every(({ held }) => held.ahead.size === 0);
  }

  /** Counts what is wrong in the end: after the last sync of both sides, of which those in `checked` were answered. */
  settle(checked: readonly [boolean, boolean]): void {
    for (const { acked, givenUp, heardBy } of this.#entries.values()) {
      if (!acked && !givenUp) this.#counts.unanswered++;
      if (!acked) continue;
      for (const side of [0, 1] as const) if (checked[side] && (heardBy & (1 << side)) === 0) this.#counts.lost++;
    }
    this.places.forEach(({ held, lastSeq }, side) => {
      if (!checked[side]) return;
      // What a device has heard of and the store has not any more.
      const newest = Math.max(held.upTo, ...held.ahead);
      this.#counts.lost += Math.max(0, newest - lastSeq);
      if (held.upTo < lastSeq) this.#counts.gaps++;
    });
  }

  #hold(side: Side, entry: Entry, seq: number, live: boolean): void {
    if (entry.seq !== 0 && entry.seq !== seq) {
      this.#counts.duplicated++;
      return;
    }
    this.#take(entry, seq);
    entry.heardBy |= 1 << side;
    if (side !== entry.sender) {
      this.#counts.delivered++;
      if (!live) this.#counts.bySync++;
      this.#meter.record('deliveries', entry.intended);
    }
    this.#strikeOff(entry);
  }

  /** The message has this seq, and nobody else may. */
  #take(entry: Entry, seq: number): void {
    const owner = this.#bySeq.get(seq);
    if (owner !== undefined && owner !== entry) this.#counts.gaps++;
    entry.seq = seq;
    this.#bySeq.set(seq, entry);
  }

  #strikeOff(entry: Entry): void {
    if (entry.heardBy !== BOTH || !(entry.acked || entry.givenUp)) return;
    this.#entries.delete(entry.number);
    this.#bySeq.delete(entry.seq);
  }

  /**
   * Of one sender: a message that was first sent after the ack of another has a greater seq; and so have, on one
   * connection, those sent later, of which each was sent once. (Which of two comes first when one had to be sent again is
   * for the sender to arrange.)
   */
  #checkOrder(entry: Entry, seq: number): void {
    const place = this.places[entry.sender];
    let wrong = seq <= entry.ackedBefore;
    place.acked = Math.max(place.acked, seq);
    if (entry.attempts === 1) {
      const { connection, number, seq: newest } = place.newest;
      const same = connection === entry.connection;
      if (same && entry.number > number !== seq > newest) wrong = true;
      if (!same || entry.number > number) {
        place.newest = { connection: entry.connection, number: entry.number, seq };
      }
    }
    if (wrong) this.#counts.outOfOrder++;
  }

  /** On one connection events come in the order of seq, but for those told again after a fault. */
  #checkArrival({ live }: Place, seq: number, fresh: boolean): void {
    const order = live.add(seq);
    if (order === 'repeated') this.#counts.repeated++;
    else if (order === 'late' && fresh) this.#counts.outOfOrder++;
  }

  #numberOf(clientMessageId: string): number | undefined {
    return clientMessageId.startsWith(this.#tag) ? Number(clientMessageId.slice(this.#tag.length)) : undefined;
  }
}
