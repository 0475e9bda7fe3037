import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';

/** A parsed document, as its readers get it. Untyped on purpose: the tests make no assumption about its shape. */
// biome-ignore lint/suspicious/noExplicitAny: the tests check the shape.
export type Document = any;

export function jsonOf(document: object): Document {
  return JSON.parse(JSON.stringify(document));
}

/** References (`$ref`) without a target. */
export function danglingRefs(document: Document): string[] {
  const refs = new Set<string>();
  JSON.stringify(document, (key, value) => {
    if (key === '$ref') refs.add(value);
    return value;
  });
  return [...refs].filter((ref) => resolve(document, ref) === undefined);
}

/** Expects each example beside a schema to pass that schema in a common JSON Schema validator. */
export function expectSchemaExamplesToParse(document: Document): void {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'document', ...document });
  let seen = 0;
  walk(document.components.schemas, '/components/schemas', (schema, pointer) => {
    for (const example of schema.examples ?? []) {
      seen++;
      const valid = ajv.validate({ $ref: `document#${pointer}` }, example);
      expect(valid, `${pointer}: ${JSON.stringify(ajv.errors)}`).to.equal(true);
    }
  });
  expect(seen).to.be.above(10);
}

function walk(node: Document, pointer: string, visit: (schema: Document, pointer: string) => void): void {
  if (typeof node !== 'object' || node === null) return;
  if (Array.isArray(node.examples)) visit(node, pointer);
  for (const [key, child] of Object.entries(node)) {
    if (key !== 'examples') walk(child, `${pointer}/${key}`, visit);
  }
}

function resolve(document: Document, ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((node, key) => node?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}
