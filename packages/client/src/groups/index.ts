/** The types of the contract that this entry uses beside those of the client. */
export type { Member, VisibleHistory } from '@chat-cluster/contracts';
export { groups } from './groups.ts';
export type * from './types.ts';
