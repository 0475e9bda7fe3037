import { isTransientFault } from '@chat-cluster/postgres';
import { expect } from 'chai';
import pg from 'pg';

function databaseError(code: string, table?: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('rejected', 0, 'error'), { code, table });
}

describe('a fault of a statement', () => {
  for (const [name, error] of [
    ['a server that shuts down', databaseError('57P01')],
    ['a full disk', databaseError('53100')],
    ['a missing table', databaseError('42P01')],
    ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['a message that another run of the batch has stored', databaseError('23505', 'messages')],
  ] as const) {
    it(`is transient: ${name}`, () => expect(isTransientFault(error)).to.equal(true));
  }

  for (const [name, error] of [
    ['a value of the wrong form', databaseError('22021')],
    ['a violated constraint', databaseError('23514')],
    ['a value that is too large', databaseError('54000')],
    ['a bug, even with a code of Node', Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['something that is no error', 'text'],
  ] as const) {
    it(`is permanent: ${name}`, () => expect(isTransientFault(error)).to.equal(false));
  }
});
