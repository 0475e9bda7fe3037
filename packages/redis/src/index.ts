export * from './adapter.ts';
export * from './channels.ts';
export * from './connection.ts';
export * from './fanout.ts';
export * from './recent-messages.ts';
