export * from './adapter.ts';
export * from './channels.ts';
export * from './connection.ts';
export * from './fanout.ts';
export * from './pulse.ts';
export * from './recent-messages.ts';
export * from './sentinel.ts';
