/**
 * Where the names of all keys and channels in Redis begin, so that several clusters can share a Redis: CLUSTER_NAME,
 * which runtime/src/config.ts checks. It is read when this file is loaded, since a process belongs to one cluster.
 */
export const CLUSTER_NAME = process.env.CLUSTER_NAME || 'chat';

/** Where the channels of the Socket.IO adapters begin. By default it is the one of the stock adapters. */
export const ADAPTER_PREFIX = CLUSTER_NAME === 'chat' ? 'socket.io' : `${CLUSTER_NAME}:socket.io`;
