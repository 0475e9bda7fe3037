import { createRequire } from 'node:module';
import { clientAcks, clientEvents, errorPayload, serverEvents } from '@chat-cluster/contracts';
import { asyncApiDocument } from '@chat-cluster/contracts/asyncapi';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import type { z } from 'zod';
import { danglingRefs, expectSchemaExamplesToParse, jsonOf } from './document.ts';

const document = jsonOf(asyncApiDocument({ version: '1.2.3' }));
const { messages } = document.components;

describe('The AsyncAPI document', () => {
  it('is valid AsyncAPI 3.0', () => {
    const specification = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    const valid = ajv.validate(specification, document);
    expect(valid, JSON.stringify(ajv.errors?.slice(0, 5))).to.equal(true);
    expect(document.asyncapi).to.equal('3.0.0');
    expect(document.info.version).to.equal('1.2.3');
    expect(danglingRefs(document)).to.deep.equal([]);
  });

  it('has a send operation for each client event, with the ack as its reply', () => {
    for (const event of Object.keys(clientEvents)) {
      const operation = document.operations[event];
      expect(operation.action, event).to.equal('send');
      expect(operation.messages).to.deep.equal([{ $ref: `#/channels/default/messages/${event}` }]);
      expect(operation.reply.messages).to.deep.equal([{ $ref: `#/channels/default/messages/${event}_ack` }]);
    }
  });

  it('has a receive operation for each server event, and one for a rejected handshake', () => {
    for (const event of [...Object.keys(serverEvents), 'connect_error']) {
      const operation = document.operations[event in clientEvents ? `${event}_from_server` : event];
      expect(operation.action, event).to.equal('receive');
    }
  });

  it('shows examples of every event and ack, all accepted by their schemas', () => {
    for (const [event, schema] of Object.entries(clientEvents)) expectExamples(event, schema);
    for (const [event, schema] of Object.entries(clientAcks)) expectExamples(`${event}_ack`, schema);
    for (const [event, schema] of Object.entries(serverEvents)) {
      expectExamples(event in clientEvents ? `${event}_from_server` : event, schema);
    }
    expectSchemaExamplesToParse(document);
  });

  it('shows a rejected handshake with the common error payload', () => {
    for (const { payload } of messages.connect_error.examples) errorPayload.parse(payload.data);
  });

  it('shows no named schema as closed to new fields', () => {
    for (const schema of Object.values(document.components.schemas)) {
      expect(JSON.stringify(schema)).not.to.contain('additionalProperties":false');
    }
  });
});

function expectExamples(key: string, schema: z.ZodType): void {
  const { examples } = messages[key];
  expect(examples, key).to.be.an('array').that.is.not.empty;
  // Parsing may add defaults to what a client sends.
  for (const { payload } of examples) expect(schema.parse(payload), key).to.deep.include(payload);
}
