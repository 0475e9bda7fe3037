/* A service that does nothing until its parent dies. */
import { announceReady } from '@chat-cluster/runtime';

process.once('disconnect', () => process.exit());
announceReady({ type: 'ready', port: 1 });
