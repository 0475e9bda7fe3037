import { GroupsInside } from './groups-inside.ts';
import type { GroupsExtension } from './types.ts';

/**
 * The extension for groups, changes of messages, settings, blocks and receipts: `createChatClient({ …, extension: groups })`
 * returns a {@link GroupChatClient}. Without it a client ignores groups, and shows messages as they were when they arrived.
 */
export const groups: GroupsExtension = { extend: (client, inner) => new GroupsInside(client, inner).client };
