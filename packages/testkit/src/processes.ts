/*
 * Child processes of load tests, and the CPU and memory of any process. A separate entry for the reason that lean.ts
 * gives.
 */
export * from './child.ts';
export * from './collected-memory.ts';
export * from './usage.ts';
