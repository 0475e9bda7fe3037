export interface TabChannel {
  post(message: unknown): void;
  close(): void;
}

/**
 * A channel to the other tabs of this origin. An old browser has none, and one that blocks the storage of sites throws:
 * then nothing is posted or received, and the page works as a single tab.
 */
export function openTabChannel<Message>(name: string, receive: (message: Message) => void = () => {}): TabChannel {
  try {
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }: MessageEvent<Message>) => receive(data);
    return { post: (message) => channel.postMessage(message), close: () => channel.close() };
  } catch {
    return { post: () => {}, close: () => {} };
  }
}
