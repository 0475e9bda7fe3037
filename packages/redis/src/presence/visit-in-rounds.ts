import { every, type Repetition } from '@chat-cluster/runtime';

/**
 * Visits all keys of a map again and again, each key once in about `roundMs`, a slice per second. Keys may be added and
 * removed meanwhile.
 */
export function visitInRounds<Key>(
  map: ReadonlyMap<Key, unknown>,
  roundMs: number,
  visit: (key: Key) => void,
): Repetition {
  let round = map.keys();
  let due = 0;
  return every(1_000, () => {
    for (due += (map.size * 1_000) / roundMs; due >= 1; due--) {
      const { done, value } = round.next();
      if (done) round = map.keys();
      else visit(value);
    }
  });
}
