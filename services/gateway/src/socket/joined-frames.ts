/** What this file needs of a packet of engine.io (6.6). */
export interface Packet {
  readonly type: string;
  readonly data?: unknown;
  readonly options?: {
    /** The whole frame in one piece, or in pieces. */
    readonly wsPreEncodedFrame?: readonly Buffer[];
  };
}

/** First byte of a text frame in one piece (RFC 6455, section 5.2), and the type of Engine.IO's packet in it. */
const TEXT = 0x81;
const MESSAGE = 0x34;
/** From so many bytes on a frame says its length in two, then in eight more. */
const LENGTH_IN_TWO = 126;
const LENGTH_IN_EIGHT = 65_536;

/**
 * The frames of a server for these packets, one after the other in one piece: one buffer, one write, whatever their
 * number. Undefined when one of them is no message of text.
 */
export function joinFrames(packets: readonly Packet[]): Buffer | undefined {
  const lengths: number[] = [];
  let size = 0;
  for (const { type, data, options } of packets) {
    const frame = options?.wsPreEncodedFrame;
    if (!frame && (type !== 'message' || typeof data !== 'string')) return undefined;
    const length = frame ? sizeOf(frame) : 1 + Buffer.byteLength(data as string);
    lengths.push(length);
    size += frame ? length : headOf(length) + length;
  }
  const [only] = packets;
  const encoded = packets.length === 1 ? only?.options?.wsPreEncodedFrame : undefined;
  if (encoded?.length === 1) return encoded[0];

  const all = Buffer.allocUnsafe(size);
  let at = 0;
  packets.forEach(({ data, options }, i) => {
    if (options?.wsPreEncodedFrame) {
      for (const piece of options.wsPreEncodedFrame) at += piece.copy(all, at);
    } else {
      at = writeHead(all, at, lengths[i] ?? 0);
      all[at++] = MESSAGE;
      at += all.write(data as string, at);
    }
  });
  return all;
}

function sizeOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function headOf(length: number): number {
  return length < LENGTH_IN_TWO ? 2 : length < LENGTH_IN_EIGHT ? 4 : 10;
}

/** Returns where the payload begins. */
function writeHead(all: Buffer, at: number, length: number): number {
  all[at] = TEXT;
  if (length < LENGTH_IN_TWO) {
    all[at + 1] = length;
    return at + 2;
  }
  if (length < LENGTH_IN_EIGHT) {
    all[at + 1] = 126;
    return all.writeUInt16BE(length, at + 2);
  }
  all[at + 1] = 127;
  return all.writeBigUInt64BE(BigInt(length), at + 2);
}
