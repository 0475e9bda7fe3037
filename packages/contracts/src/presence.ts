import { z } from 'zod';
import { userId } from './ids.ts';

/** Whether a user is online, in an ack and in an event. */
export const presence = z
  .object({
    userId,
    online: z.boolean().meta({ description: 'A device of the user is connected, to any gateway', example: true }),
    lastSeenAt: z.iso.datetime().optional().meta({
      description: 'When the last connection of an offline user ended, if known; kept for an hour',
      example: '2026-01-01T12:00:30.000Z',
    }),
  })
  .meta({
    id: 'Presence',
    description: 'Whether a user is online. A user goes offline after some seconds without a connection',
  });

export type Presence = z.infer<typeof presence>;
