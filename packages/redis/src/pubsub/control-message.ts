import notepack from 'notepack.io';

/*
 * A message on the channel of a room that is no emit: a signal about rooms, or a request of an operator. It is an array
 * of one text in MessagePack. A gateway of an earlier version passes it to its Socket.IO adapter, which finds no packet
 * in it and ignores it; the `classic` adapter would throw for a text that is not MessagePack, and end the process.
 */

/** MessagePack: start of an array of one value. No emit of either adapter begins with it. */
const HEAD = 0x91;

/** `mark`: one character, the kind of the message. */
export function controlMessage(mark: string, text: string): Buffer {
  return notepack.encode([mark + text]);
}

/** The text of a control message of this kind; undefined for any other message. */
export function controlText(mark: string, message: Buffer): string | undefined {
  if (message[0] !== HEAD) return undefined;
  const [text] = notepack.decode(message) as unknown[];
  return typeof text === 'string' && text.startsWith(mark) ? text.slice(mark.length) : undefined;
}
