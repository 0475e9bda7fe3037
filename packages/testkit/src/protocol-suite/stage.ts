import type { ManagerOptions, SocketOptions } from 'socket.io-client';
import type { Target, TestClient } from '../client.ts';

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** The cluster and the clients of a behaviour. Devices are closed after the test. */
export interface Stage {
  target: () => Target;
  clients: ClientOptions;
  device(userId: string): Promise<TestClient>;
  /** A device on another gateway than the device `than`. */
  deviceElsewhere(userId: string, than: TestClient): Promise<TestClient>;
  /** Two users on two gateways, with their conversation. */
  pair(a?: string, b?: string): Promise<{ alice: TestClient; bob: TestClient; conversationId: string }>;
}
