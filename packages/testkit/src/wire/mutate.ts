import type { Random } from '../random.ts';

/** A copy of `bytes` in which one to eight bytes are changed, inserted or removed. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  const mutated = [...bytes];
  for (let changes = 1 + Math.floor(random() * 8); changes > 0; changes--) {
    const inserted = random() < 0.7 ? [Math.floor(random() * 256)] : [];
    mutated.splice(Math.floor(random() * mutated.length), random() < 0.7 ? 1 : 0, ...inserted);
  }
  return Buffer.from(mutated);
}
