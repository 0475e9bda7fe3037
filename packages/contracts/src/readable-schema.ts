import { z } from 'zod';

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>;

/**
 * Changes that both documents make to each JSON Schema generated from a zod schema, for readers and code generators:
 * - `additionalProperties: false` is removed: it would make a client generated today reject the fields of a later
 *   version;
 * - a pattern of 300 characters is removed when a `format` states the same, and so is the maximum of 2^53 - 1;
 * - a text that is parsed to a number (a query parameter) is shown as that number;
 * - `example` (OpenAPI 3.0) becomes `examples` (JSON Schema).
 */
export const readableSchema: Override = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod;
  if (def.type === 'pipe' && jsonSchema.type === 'string' && def.out._zod.def.type === 'number') {
    const { $schema: _, ...number } = z.toJSONSchema(def.out);
    delete jsonSchema.pattern;
    Object.assign(jsonSchema, number);
  }
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if ('example' in jsonSchema) {
    jsonSchema.examples = [jsonSchema.example];
    delete jsonSchema.example;
  }
};
