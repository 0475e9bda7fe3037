import {
  addMembersBody,
  blockState,
  blocksPage,
  conversation,
  conversationSettings,
  conversationsPage,
  createGroupBody,
  editMessageBody,
  group,
  HTTP_STATUS,
  historyPage,
  membersPage,
  message,
  openConversationBody,
  problem,
  reactorsPage,
  readersPage,
  renameGroupBody,
  setRoleBody,
  settingsBody,
  versionsPage,
} from '@chat-cluster/contracts';
import { liveness, openApiDocument, readiness } from '@chat-cluster/contracts/openapi';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import type { z } from 'zod';
import { danglingRefs, expectSchemaExamplesToParse, jsonOf } from './document.ts';

interface Content {
  schema: { $ref?: string };
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Operation {
  operationId: string;
  security?: unknown[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { content?: Record<string, Content>; headers: object }>;
}

const document = jsonOf(openApiDocument({ version: '1.2.3' }));
const operations = Object.values(document.paths as Record<string, Record<string, Operation>>).flatMap((path) =>
  Object.values(path),
);

/** zod schema of each named schema that has examples. */
const SCHEMAS: Record<string, z.ZodType> = {
  OpenConversation: openConversationBody,
  Conversation: conversation,
  ConversationsPage: conversationsPage,
  HistoryPage: historyPage,
  CreateGroup: createGroupBody,
  RenameGroup: renameGroupBody,
  AddMembers: addMembersBody,
  SetRole: setRoleBody,
  EditMessageBody: editMessageBody,
  Group: group,
  MembersPage: membersPage,
  Message: message,
  Versions: versionsPage,
  Reactors: reactorsPage,
  Readers: readersPage,
  ChangeSettings: settingsBody,
  ConversationSettings: conversationSettings,
  Blocks: blocksPage,
  BlockState: blockState,
  Problem: problem,
  Liveness: liveness,
  Readiness: readiness,
};

describe('The OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(document);
    expect(valid, JSON.stringify(errors)).to.equal(true);
    expect(document.openapi).to.match(/^3\.1\./);
    expect(danglingRefs(document)).to.deep.equal([]);
  });

  it('has the given version and server', () => {
    expect(document.info).to.include({ version: '1.2.3' });
    expect(openApiDocument({ version: '1', serverUrl: 'https://chat.example.com' })).to.deep.include({
      servers: [{ url: 'https://chat.example.com' }],
    });
  });

  it('gives every operation a unique id', () => {
    const ids = operations.map((operation) => operation.operationId);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('has only examples that its schemas accept', () => {
    let seen = 0;
    for (const operation of operations) {
      for (const content of contentsOf(operation)) {
        const name = content.schema.$ref?.split('/').at(-1);
        for (const example of examplesOf(content)) {
          const schema = SCHEMAS[name ?? ''];
          if (!schema) throw new Error(`no schema for an example of ${operation.operationId}`);
          expect(schema.parse(example)).to.deep.equal(example);
          seen++;
        }
      }
    }
    expect(seen).to.be.above(20);
    expectSchemaExamplesToParse(document);
  });

  it('lists each error under its HTTP status', () => {
    for (const operation of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        const content = response.content?.['application/json'];
        if (content?.schema.$ref !== '#/components/schemas/Problem' || ['413', '415'].includes(status)) continue;
        for (const example of examplesOf(content)) {
          expect(HTTP_STATUS[problem.parse(example).error.code]).to.equal(Number(status));
        }
      }
    }
  });

  it('requires a token for private responses, and documents the errors of a bad one', () => {
    const open = operations.filter((operation) => operation.security?.length === 0).map((o) => o.operationId);
    const closed = operations.filter((operation) => operation.security === undefined);
    expect(document.security).to.deep.equal([{ bearerAuth: [] }]);
    const privatePaths = Object.keys(document.paths).filter((path) => /^\/api\/(?!docs|asyncapi)/.test(path));
    const ofPrivatePaths = privatePaths.flatMap((path) => Object.values(document.paths[path] as object));
    expect(closed).to.have.members(ofPrivatePaths);
    expect(closed.length).to.be.above(20);
    expect(open).to.have.length(operations.length - closed.length);
    for (const operation of closed) expect(operation.responses).to.include.keys('401', '503', '504');
  });

  it('shows query parameters with their enforced bounds', () => {
    const { parameters } = document.paths['/api/messages/with/{otherUserId}'].get;
    const limit = parameters.find((parameter: { name: string }) => parameter.name === 'limit');
    expect(limit.schema).to.include({ type: 'integer', minimum: 1, maximum: 100, default: 50 });
    expect(limit.required ?? false).to.equal(false);
  });
});

function contentsOf(operation: Operation): Content[] {
  const bodies = [operation.requestBody?.content, ...Object.values(operation.responses).map(({ content }) => content)];
  return bodies.flatMap((content) => Object.values(content ?? {}));
}

function examplesOf(content: Content): unknown[] {
  const named = Object.values(content.examples ?? {}).map(({ value }) => value);
  return 'example' in content ? [content.example, ...named] : named;
}
