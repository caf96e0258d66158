// What the OpenAPI description says beyond the route policy: policy/schemas.yaml, which comes with the program.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const json = z.record(z.string(), z.json());
const parameter = z.strictObject({
  name: z.string(),
  description: z.string().optional(),
  required: z.boolean().optional(),
  schema: json,
});
const route = z.strictObject({
  /** In camel case; the version of the path is added, because one call may be served under several. */
  operation: z.string(),
  tag: z.string(),
  query: z.array(parameter).default([]),
  headers: z.array(parameter).default([]),
  requestType: z.string().default('application/json'),
  answerType: z.string().default('application/json'),
});
const wireDescription = z.strictObject({
  tags: z.record(z.string(), z.string()),
  parameters: z.record(z.string(), parameter.omit({ name: true })),
  routes: z.record(z.string(), route),
  schemas: z.record(z.string(), json),
});

export type DescribedParameter = z.infer<typeof parameter>;
export type WireDescription = z.infer<typeof wireDescription>;

const file = new URL('../../../policy/schemas.yaml', import.meta.url);

/** Reads the file now, so that it is the one of this version, and parses it when it is first needed. */
export function openWireDescription(): () => WireDescription {
  const text = readFileSync(file, 'utf8');
  let parsed: WireDescription | undefined;
  return () => {
    parsed ??= wireDescription.parse(parse(text, { merge: true }));
    return parsed;
  };
}
