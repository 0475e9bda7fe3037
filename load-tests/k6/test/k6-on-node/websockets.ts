const NodeWebSocket = globalThis.WebSocket;

/**
 * Replaces `k6/websockets` by Node's WebSocket, with two restrictions of k6: `close` would block the VU while a
 * websocket is opening, and `send` throws unless it is open.
 */
export class WebSocket extends NodeWebSocket {
  constructor(url: string, protocols: null, _params: object) {
    if (protocols !== null) throw new Error('protocols are not supported here');
    super(url);
  }

  override send(text: string): void {
    if (this.readyState !== NodeWebSocket.OPEN) throw new Error('InvalidStateError');
    super.send(text);
  }

  override close(): void {
    if (this.readyState === NodeWebSocket.CONNECTING) throw new Error('k6 would block here');
    super.close();
  }
}
