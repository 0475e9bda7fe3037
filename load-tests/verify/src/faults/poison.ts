import { oneOf } from '@chat-cluster/testkit';
import { deadLetters, query } from '../dead-letters.ts';
import type { SendOutcome } from '../device.ts';
import type { Fault, World } from '../fault.ts';

const POISON = 'a text that the database will never take';
const CONVERSATIONS = 5;
/** Of each conversation, all on one connection: a good one before and after each that is not. */
const SENT = ['good', POISON, 'good', POISON, 'good'];

/**
 * A text that breaks a constraint is refused for good and kept as a dead letter; its neighbours are stored, in order. A
 * text that is too long or holds a NUL is refused at the door.
 */
export const poison: Fault = {
  id: 'F15',
  title: 'messages that Postgres will never take',
  async inject(world) {
    const { cluster } = world;
    await query(cluster.postgres.url, CONSTRAIN);
    const before = await deadLetters(cluster.postgres.url);
    const outcomes = await Promise.all(Array.from({ length: CONVERSATIONS }, () => sendAll(world)));
    const atDoor = [await sendOnce(world, 'x'.repeat(1_000_000)), await sendOnce(world, 'a\u0000b')];
    const wrong = [
      ...outcomes.flat().flatMap(({ content, outcome }) => {
        const expected = content === POISON ? 'REJECTED' : 'acked';
        return heard(outcome) === expected ? [] : [`"${content}" heard ${heard(outcome)} instead of ${expected}`];
      }),
      ...atDoor.flatMap((outcome) =>
        heard(outcome) === 'VALIDATION_FAILED' ? [] : [`a text that is no text heard ${heard(outcome)}`],
      ),
    ];
    return {
      lastsMs: 0,
      async heal() {
        const poisoned = outcomes.flat().filter(({ content }) => content === POISON).length;
        const kept = (await deadLetters(cluster.postgres.url)) - before;
        if (kept < poisoned) wrong.push(`${poisoned} messages were rejected, ${kept} are kept as dead letters`);
        await query(cluster.postgres.url, 'alter table messages drop constraint if exists poison');
      },
      expect: () => wrong,
    };
  },
};

/** Not checked against what is there, so it takes no time. */
const CONSTRAIN = `
alter table messages drop constraint if exists poison;
alter table messages add constraint poison check (content is null or content not like '${POISON}%') not valid`;

async function sendAll({ traffic, population, random }: World) {
  const conversation = oneOf(random, population.conversations);
  const sender = oneOf(random, conversation.users);
  const device = oneOf(random, sender.devices);
  return Promise.all(
    SENT.map(async (content) => {
      const draft = { ...traffic.someDraft(content), sender, conversation };
      return { content, outcome: await traffic.deliver(draft, device) };
    }),
  );
}

function sendOnce({ traffic, random }: World, content: string): Promise<SendOutcome> {
  const draft = traffic.someDraft(content);
  return traffic.deliver(draft, oneOf(random, draft.sender.devices));
}

function heard(outcome: SendOutcome): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind;
}
