// One meaning per column type on both engines, whose own defaults differ: PGlite reads int8 as a number that may lose
// digits and bytea as a Uint8Array, pg reads int8 as a string.

import pg from 'pg';

type ParseColumn = (text: string) => unknown;

const { builtins, getTypeParser } = pg.types;

const int8 = 20;
const bytea = 17;
const json = 114;
const timestamptz = 1184;
const numeric = 1700;
const jsonb = 3802;
const xid8 = 5069;

const asText: ParseColumn = (text) => text;
const asJson: ParseColumn = (text) => JSON.parse(text);

/** Type oid to the reader of its text form. */
export const columnParsers: ReadonlyMap<number, ParseColumn> = new Map<number, ParseColumn>([
  [int8, BigInt],
  [bytea, getTypeParser(builtins.BYTEA)],
  [timestamptz, getTypeParser(builtins.TIMESTAMPTZ)],
  [numeric, asText],
  [json, asJson],
  [jsonb, asJson],
  [xid8, asText],
]);
