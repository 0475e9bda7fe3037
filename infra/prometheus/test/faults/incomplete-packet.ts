import type { TestClient } from '@chat-cluster/testkit';

const FRAME_BYTES = 16_000_000;
/** Header of a masked text frame of FRAME_BYTES (RFC 6455, section 5.2). */
const HEADER = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
HEADER.writeUIntBE(FRAME_BYTES, 4, 6);
const ALL_BUT_LAST_BYTE = Buffer.alloc(FRAME_BYTES - 1, 'x');

/** Sends a websocket frame without its last byte: the gateway must keep the rest in memory. */
export function sendIncompletePacket(client: TestClient): void {
  const { ws } = client.socket.io.engine.transport as unknown as { ws: { _socket: NodeJS.WritableStream } };
  ws._socket.write(HEADER);
  ws._socket.write(ALL_BUT_LAST_BYTE);
}
