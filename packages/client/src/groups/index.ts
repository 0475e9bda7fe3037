export { groups } from './groups.ts';
export type * from './types.ts';
