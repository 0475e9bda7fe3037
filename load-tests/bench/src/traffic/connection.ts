/** One device of one user, before it connects. */
export interface Device {
  /** A gateway (`http://…`) or ejabberd (`ws://…`). */
  url: string;
  user: string;
  /** JWT that the server accepts. */
  token: string;
}

/** A conversation, with one device of each of its users. */
export interface PlannedConversation {
  conversationId: string;
  devices: Device[];
}

export interface PlannedPair extends PlannedConversation {
  devices: [Device, Device];
}

export type Protocol = 'socket.io' | 'xmpp';

export interface ConnectionEvents {
  /** A message arrived. `seq` is its sequence in the conversation, if the server assigns one. */
  message(id: string, seq: number | undefined): void;
  /** The server closed the connection, or it broke. */
  closed(reason: string): void;
}

/** A connected device. */
export interface Connection {
  /**
   * `onAck` receives the code of a rejection, or undefined when the server accepted the message. Some never call it.
   */
  send(
    message: { conversationId: string; to: string; id: string; content: string },
    onAck: (rejection: string | undefined) => void,
  ): void;
  /** The gateway that the device is on, if the server reports it. */
  gatewayId?: Promise<string>;
  close(): void;
}

/** `connections[i]` is the device of `users[i]`. */
export interface ConnectedConversation {
  conversationId: string;
  users: string[];
  connections: Connection[];
}
