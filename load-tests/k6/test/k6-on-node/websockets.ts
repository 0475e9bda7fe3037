const NodeWebSocket = globalThis.WebSocket;

/**
 * `k6/websockets`, by Node's own. Two traps of k6 are here too: `close` on a websocket that is not open yet would block the
 * VU, and `send` on one that is not open throws.
 */
export class WebSocket extends NodeWebSocket {
  constructor(url: string, protocols: null, _params: object) {
    if (protocols !== null) throw new Error('protocols are not played here');
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
