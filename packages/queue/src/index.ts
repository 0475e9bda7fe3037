export * from './connection.ts';
export * from './failed-jobs.ts';
export * from './inbox.ts';
export * from './lane-consumer.ts';
export { type LaneHold, LeaveJob } from './lane-job.ts';
export * from './lanes.ts';
export * from './recount-requests.ts';
export * from './replies.ts';
export * from './watch-wipe.ts';
