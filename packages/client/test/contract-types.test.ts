import type * as contract from '@chat-cluster/contracts';
import { expect } from 'chai';
import type * as published from '../build/contract-types.ts';

/** A branded string becomes a string, at any depth; a literal stays. */
type Plain<T> = T extends string
  ? Record<never, never> extends Record<T, 1>
    ? string
    : T
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : T extends object
      ? { [Key in keyof T]: Plain<T[Key]> }
      : T;

type Equal<A, B> =
  (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : [Plain<A>, Plain<B>];

/** The compiler compares each pair: for another type, `true` below is an error. */
interface Pairs {
  UserId: Equal<contract.UserId, published.UserId>;
  ConversationId: Equal<contract.ConversationId, published.ConversationId>;
  MessageId: Equal<contract.MessageId, published.MessageId>;
  ClientMessageId: Equal<contract.ClientMessageId, published.ClientMessageId>;
  StoreEpoch: Equal<contract.StoreEpoch, published.StoreEpoch>;
  Attachment: Equal<contract.Attachment, published.Attachment>;
  Message: Equal<contract.Message, published.Message>;
  ErrorCode: Equal<contract.ErrorCode, published.ErrorCode>;
  ErrorPayload: Equal<contract.ErrorPayload, published.ErrorPayload>;
}

const SAME: Pairs = {
  UserId: true,
  ConversationId: true,
  MessageId: true,
  ClientMessageId: true,
  StoreEpoch: true,
  Attachment: true,
  Message: true,
  ErrorCode: true,
  ErrorPayload: true,
};

describe('the types of the contract in the published package', () => {
  for (const name of Object.keys(SAME))
    it(`${name} is that of the contract (checked by the compiler)`, () => {
      expect(SAME[name as keyof Pairs]).to.equal(true);
    });
});
