import { z } from 'zod';

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>;

/**
 * What both documents do to each JSON Schema made from a zod schema, so that people and code generators can live
 * with it:
 * - objects stay open: an `additionalProperties: false` would make a client generated today refuse the field of tomorrow;
 * - a `format` says what its 300-character pattern says, and 2^53 - 1 is no limit worth a line;
 * - text that stands for a number (a query parameter) is shown as the number;
 * - `example` (OpenAPI 3.0) becomes `examples`, which JSON Schema knows.
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
