import { createLogger } from '@chat-cluster/runtime';

/**
 * Logs objects that a careless log line might contain, in the format of its first argument. Each secret contains
 * "hush".
 */
const format = process.argv[2] === 'pretty' ? 'pretty' : 'json';
const logger = createLogger({ name: 'careless', level: 'debug', format });

const secrets = {
  token: 'hush-token',
  authorization: 'Bearer hush-authorization',
  cookie: 'session=hush-cookie',
  content: 'hush-content',
  attachments: [{ url: 'https://files.example.com/hush-attachment' }],
  password: 'hush-password',
  secret: 'hush-secret',
};

logger.info(secrets, 'at the top');
logger.info({ handshake: { auth: secrets, query: secrets } }, 'a handshake');
logger.warn({ request: { method: 'GET', headers: secrets } }, 'a request');
logger.info({ message: secrets, entries: [secrets, { kind: 'send', ...secrets }] }, 'messages');
logger.error({ err: Object.assign(new Error('failed'), { entry: secrets, ...secrets }) }, 'an error');
const postgres = {
  code: '23502',
  detail: 'Failing row contains (7, hush-row).',
  where: 'JSON data: {"url":"hush-json"}',
};
logger.error({ err: Object.assign(new Error('null value in column "sender_id"'), postgres) }, 'an error of Postgres');
logger.child(secrets).child({ socket: secrets }).info('from a child');
logger.trace('below the level');
logger.info({ conversation: 'kept', seq: 7 }, 'the last line');
