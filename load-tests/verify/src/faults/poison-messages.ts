import { oneOf, queryPostgres } from '@chat-cluster/testkit';
import type { SendOutcome } from '../clients/device.ts';
import { resultOf } from '../expectations.ts';
import type { Fault, FaultContext } from '../fault.ts';
import { countDeadLetters } from '../processes/dead-letters.ts';

const POISON = 'a text that the database never accepts';
const CONVERSATIONS = 5;
/** Contents sent in each conversation, all on one connection: a valid one before and after each poison. */
const CONTENTS = ['good', POISON, 'good', POISON, 'good'];

/**
 * A text that violates a constraint is refused permanently and kept as a dead letter; the messages around it are
 * stored, in order. The gateway rejects a text that is too long or contains a NUL.
 */
export const poisonMessages: Fault = {
  id: 'F15',
  title: 'messages that Postgres never accepts',
  clients: 'mixed',
  async inject(context) {
    const { url } = context.cluster.postgres;
    await queryPostgres(url, ADD_CONSTRAINT);
    const deadLettersBefore = await countDeadLetters(url);
    const sends = (await Promise.all(Array.from({ length: CONVERSATIONS }, () => sendContents(context)))).flat();
    const invalid = [await sendOnce(context, 'x'.repeat(100_000)), await sendOnce(context, 'a\u0000b')];
    const breaches = [
      ...sends.flatMap(({ content, outcome }) =>
        expectResult(content, outcome, content === POISON ? 'REJECTED' : 'acked'),
      ),
      ...invalid.flatMap((outcome) => expectResult('an invalid text', outcome, 'VALIDATION_FAILED')),
    ];
    return {
      lastsMs: 0,
      async heal() {
        const poisoned = sends.filter(({ content }) => content === POISON).length;
        const kept = (await countDeadLetters(url)) - deadLettersBefore;
        if (kept < poisoned) breaches.push(`${poisoned} messages were rejected, ${kept} are kept as dead letters`);
        await queryPostgres(url, DROP_CONSTRAINT);
      },
      expect: () => breaches,
    };
  },
};

const DROP_CONSTRAINT = 'alter table messages drop constraint if exists poison';
/** `not valid`: existing rows are not checked, so it takes no time. */
const ADD_CONSTRAINT = `${DROP_CONSTRAINT};
alter table messages add constraint poison check (content is null or content not like '${POISON}%') not valid`;

async function sendContents({ traffic, population, random }: FaultContext) {
  const conversation = oneOf(random, population.conversations);
  const sender = oneOf(random, conversation.users);
  const device = oneOf(random, sender.devices);
  return Promise.all(
    CONTENTS.map(async (content) => {
      const draft = { ...traffic.randomDraft(content), sender, conversation };
      return { content, outcome: await traffic.deliver(draft, device) };
    }),
  );
}

/** From a stock device if there is one: the library itself refuses an invalid text. */
function sendOnce({ traffic, population }: FaultContext, content: string): Promise<SendOutcome> {
  const device = population.devices.find(({ kind }) => kind === 'stock') ?? population.devices[0];
  const sender = population.users.find(({ id }) => id === device?.userId);
  const conversation = sender?.conversations[0];
  if (!device || !sender || !conversation) throw new Error('there is no device');
  return traffic.deliver({ ...traffic.randomDraft(content), sender, conversation }, device);
}

function expectResult(content: string, outcome: SendOutcome, expected: string): string[] {
  const result = resultOf({ outcome });
  return result === expected ? [] : [`"${content}" returned ${result} instead of ${expected}`];
}
