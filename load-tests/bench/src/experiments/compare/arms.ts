import type { Arm } from '../../arms/arm.ts';
import { startEjabberd } from '../../arms/ejabberd.ts';
import { startOurs } from '../../arms/ours.ts';
import { startInline, startJobs, startRelay } from '../../arms/stock.ts';

/** The arms of `compare`, in the order of the tables: the one that stores nothing comes first. */
export const ARMS: readonly Arm[] = [
  { name: 'relay', about: 'Socket.IO and its Redis adapter, nothing stored', start: startRelay },
  { name: 'inline', about: 'insert and count per message in the gateway', start: startInline },
  { name: 'jobs', about: 'one BullMQ job per message', start: startJobs },
  { name: 'ours', about: 'lanes and natural batches', start: startOurs },
  { name: 'ejabberd', about: 'ejabberd with its archive in Postgres, XMPP over WebSocket', start: startEjabberd },
];
