import type { ManagerOptions, SocketOptions } from 'socket.io-client';
import type { Target, TestClient } from '../client.ts';

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** What a behaviour works with; devices are closed after the test. */
export interface Stage {
  target: () => Target;
  clients: ClientOptions;
  device(userId: string): Promise<TestClient>;
  /** On a gateway other than that of `than`. */
  deviceElsewhere(userId: string, than: TestClient): Promise<TestClient>;
  /** Two users on two gateways, with their conversation. */
  pair(a?: string, b?: string): Promise<{ alice: TestClient; bob: TestClient; conversationId: string }>;
}
