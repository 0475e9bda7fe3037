import type { Device } from './device.ts';

export interface Conversation {
  id: string;
  /** Those with devices. */
  users: [User, User, ...User[]];
}

export interface User {
  id: string;
  devices: Device[];
  conversations: Conversation[];
}
