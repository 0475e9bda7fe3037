import keySlot from 'cluster-key-slot';

/** Number of slots of a Redis Cluster. */
export const SLOTS = 16_384;

/**
 * The slot of a channel in a Redis Cluster: a hash of the text between its first `{` and the next `}`, or of the whole
 * channel if there is no such text. `cluster-key-slot` takes a later text when the first pair of braces is empty, and
 * the channel would be published at a server that does not have it.
 */
export function slotOf(channel: string): number {
  const open = channel.indexOf('{');
  return open < 0 || channel[open + 1] !== '}' ? keySlot(channel) : crc16(Buffer.from(channel)) % SLOTS;
}

/** CRC-16/XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
