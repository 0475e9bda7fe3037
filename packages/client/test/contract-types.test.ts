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

/** The payload of each event of a map. */
type Payloads<T> = { [E in keyof T]: T[E] extends (payload: infer P) => void ? P : never };

/** The compiler compares each pair: for another type, `true` below is an error. */
interface Pairs {
  UserId: Equal<contract.UserId, published.UserId>;
  ConversationId: Equal<contract.ConversationId, published.ConversationId>;
  MessageId: Equal<contract.MessageId, published.MessageId>;
  ClientMessageId: Equal<contract.ClientMessageId, published.ClientMessageId>;
  StoreEpoch: Equal<contract.StoreEpoch, published.StoreEpoch>;
  Attachment: Equal<contract.Attachment, published.Attachment>;
  Message: Equal<contract.Message, published.Message>;
  ReplyTo: Equal<contract.ReplyTo, published.ReplyTo>;
  Reaction: Equal<contract.Reaction, published.Reaction>;
  Role: Equal<contract.Role, published.Role>;
  SystemEntry: Equal<contract.SystemEntry, published.SystemEntry>;
  VisibleHistory: Equal<contract.VisibleHistory, published.VisibleHistory>;
  GroupChange: Equal<contract.GroupChange, published.GroupChange>;
  Window: Equal<contract.Window, published.Window>;
  GroupOfMember: Equal<contract.GroupOfMember, published.GroupOfMember>;
  Group: Equal<contract.Group, published.Group>;
  Member: Equal<contract.Member, published.Member>;
  MembersPage: Equal<contract.MembersPage, published.MembersPage>;
  ConversationSettings: Equal<contract.ConversationSettings, published.ConversationSettings>;
  ChangeMessageAck: Equal<contract.ChangeMessageAck, published.ChangeMessageAck>;
  GroupAck: Equal<contract.GroupAck, published.GroupAck>;
  SettingsAck: Equal<contract.SettingsAck, published.SettingsAck>;
  MessageChanged: Equal<contract.MessageChanged, published.MessageChanged>;
  ConversationChanged: Equal<contract.ConversationChanged, published.ConversationChanged>;
  DeliveredMark: Equal<contract.DeliveredMark, published.DeliveredMark>;
  MessagesDelivered: Equal<contract.MessagesDelivered, published.MessagesDelivered>;
  ErrorCode: Equal<contract.ErrorCode, published.ErrorCode>;
  ErrorPayload: Equal<contract.ErrorPayload, published.ErrorPayload>;
  Conversation: Equal<contract.Conversation, published.Conversation>;
  ConversationSummary: Equal<contract.ConversationSummary, published.ConversationSummary>;
  ConversationsPage: Equal<contract.ConversationsPage, published.ConversationsPage>;
  Problem: Equal<contract.Problem, published.Problem>;
  FailureAck: Equal<contract.FailureAck, published.FailureAck>;
  SendAck: Equal<contract.SendAck, published.SendAck>;
  ReadAck: Equal<contract.ReadAck, published.ReadAck>;
  SyncedConversation: Equal<contract.SyncedConversation, published.SyncedConversation>;
  SyncAck: Equal<contract.SyncAck, published.SyncAck>;
  SyncFeed: Equal<contract.SyncFeed, published.SyncFeed>;
  FeedEntry: Equal<contract.FeedEntry, published.FeedEntry>;
  WatchPresenceAck: Equal<contract.WatchPresenceAck, published.WatchPresenceAck>;
  RefreshTokenAck: Equal<contract.RefreshTokenAck, published.RefreshTokenAck>;
  Presence: Equal<contract.Presence, published.Presence>;
  Session: Equal<contract.Session, published.Session>;
  UnreadCount: Equal<contract.UnreadCount, published.UnreadCount>;
  MessagesRead: Equal<contract.MessagesRead, published.MessagesRead>;
  ServerDraining: Equal<contract.ServerDraining, published.ServerDraining>;
  Typing: Equal<contract.Typing, published.Typing>;
  ClientEvent: Equal<contract.ClientEvent, published.ClientEvent>;
  ServerToClientEvents: Equal<Payloads<contract.ServerToClientEvents>, Payloads<published.ServerToClientEvents>>;
  ServerEvent: Equal<contract.ServerEvent, published.ServerEvent>;
}

const SAME: Pairs = {
  UserId: true,
  ConversationId: true,
  MessageId: true,
  ClientMessageId: true,
  StoreEpoch: true,
  Attachment: true,
  Message: true,
  ReplyTo: true,
  Reaction: true,
  Role: true,
  SystemEntry: true,
  VisibleHistory: true,
  GroupChange: true,
  Window: true,
  GroupOfMember: true,
  Group: true,
  Member: true,
  MembersPage: true,
  ConversationSettings: true,
  ChangeMessageAck: true,
  GroupAck: true,
  SettingsAck: true,
  MessageChanged: true,
  ConversationChanged: true,
  DeliveredMark: true,
  MessagesDelivered: true,
  ErrorCode: true,
  ErrorPayload: true,
  Conversation: true,
  ConversationSummary: true,
  ConversationsPage: true,
  Problem: true,
  FailureAck: true,
  SendAck: true,
  ReadAck: true,
  SyncedConversation: true,
  SyncAck: true,
  SyncFeed: true,
  FeedEntry: true,
  WatchPresenceAck: true,
  RefreshTokenAck: true,
  Presence: true,
  Session: true,
  UnreadCount: true,
  MessagesRead: true,
  ServerDraining: true,
  Typing: true,
  ClientEvent: true,
  ServerToClientEvents: true,
  ServerEvent: true,
};

describe('the types of the contract in the published package', () => {
  for (const name of Object.keys(SAME))
    it(`${name} is that of the contract (checked by the compiler)`, () => {
      expect(SAME[name as keyof Pairs]).to.equal(true);
    });
});
