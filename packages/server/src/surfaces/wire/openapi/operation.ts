import type { RefusalCode } from '@tollward/protocol';
import type { RouteRules } from '../../../gateway/index.js';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** One call of the wire surface under one path, whether it is forwarded or answered here: what its description is made of. */
export interface Operation {
  readonly path: string;
  readonly method: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** A client with its secret, a bearer token, a bearer token or nobody, or anybody at all. */
  readonly caller: 'client' | 'token' | 'token or nobody' | 'anybody';
  readonly parameters: readonly JsonObject[];
  /** Content types with their schemas. */
  readonly request: JsonObject | null;
  readonly answer: { readonly status: number; readonly content: JsonObject | null };
  readonly refusals: readonly RefusalCode[];
  /** Whether an upstream gives the answer, and so answers of its own besides. */
  readonly forwarded: boolean;
  readonly rules: (RouteRules & { readonly maximumBodyBytes?: number }) | null;
}

export function schemaRef(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}
