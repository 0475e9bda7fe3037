import { renewEpoch } from '@chat-cluster/domain';
import { createStoreEpochs, openForCommand } from '@chat-cluster/postgres';
import {
  connectPublisher,
  connectRedis,
  createRecentMessages,
  disconnectRedis,
  EPOCH_CHANNEL,
} from '@chat-cluster/redis';
import {
  commonConfig,
  createLogger,
  parseConfig,
  parseOptions,
  redisConfig,
  redisServers,
  runMain,
  withDeadline,
} from '@chat-cluster/runtime';
import { z } from 'zod';

const HELP = `renew-epoch now: makes all devices load their messages anew.

Run it after the database was restored to an earlier state, or after a failover that has lost commits: the numbers of the
lost messages are assigned again, and devices that hold those messages do not accept others with the same numbers.
Clears the cache of recent messages in Redis, replaces the epoch in Postgres, and notifies the gateways that run.

Safe at any time: it changes no message and costs each device one load of its messages. Environment: DATABASE_URL and
REDIS_URL (or the REDIS_… variables of the services); npm run renew-epoch takes them from the environment, otherwise
from the cluster that runs on DATA_DIR. Exit code 2: \`now\` is missing, and nothing was done.
`;

const CONNECT_MS = 5_000;

await runMain(async () => {
  const parsed = parseOptions(process.argv.slice(2), z.object({}), { positionals: true });
  if (parsed?.positionals[0] !== 'now') {
    process.stdout.write(HELP);
    // A script that forgets `now` must not take the help for success.
    process.exitCode = parsed ? 2 : 0;
    return;
  }
  const config = parseConfig(redisConfig.extend({ DATABASE_URL: commonConfig.shape.DATABASE_URL }), process.env);
  const urls = redisServers(config);
  const logger = createLogger({ name: 'renew-epoch', level: 'silent', format: 'json' });
  await using open = new AsyncDisposableStack();
  const connecting = connectRedis(urls.cache, 'cache', logger);
  const cache = open.adopt(await withDeadline(connecting, CONNECT_MS, 'redis'), disconnectRedis);
  const publishing = connectPublisher(urls.pubsub, config.REDIS_ADAPTER, logger);
  const publisher = open.adopt(await withDeadline(publishing, CONNECT_MS, 'redis'), (one) => one.close());
  const db = await openForCommand(config.DATABASE_URL, 'renew-epoch');
  open.defer(() => db.destroy());
  const epochs = createStoreEpochs(db);
  const signal = { renewed: async () => void (await publisher.publish(EPOCH_CHANNEL, '')) };
  const was = await epochs.current();
  const is = await renewEpoch({ epochs, recent: createRecentMessages(cache), signal }, was);
  process.stdout.write(`The epoch is ${is}; it was ${was}.\n`);
});
