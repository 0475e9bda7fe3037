export { createChatClient } from './client.ts';
export { Unauthorized } from './errors.ts';
export { memoryStore } from './memory-store.ts';
export type * from './types.ts';
