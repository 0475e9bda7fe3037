import { REVOKED_CHANNEL } from './channels.ts';
import type { Publisher } from './pubsub-port.ts';

/** A revocation as gateways receive it; packages/postgres stores it (`TokenRevocation`). */
interface SignalledRevocation {
  kind: 'user' | 'token';
  subject: string;
  issuedBefore: Date;
  endsAt: Date | null;
}

/**
 * Notifies all gateways of a stored revocation: it is effective on them within a second. Rejects when Redis does not
 * accept it; gateways then follow within 10 s, since they read the changes regularly.
 */
export async function signalRevocation(publisher: Publisher, revocation: SignalledRevocation): Promise<void> {
  await publisher.publish(REVOKED_CHANNEL, JSON.stringify(revocation));
}
