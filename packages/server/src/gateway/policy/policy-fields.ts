// Entries of a policy and their values. A value that is missing or wrong reads as undefined, and what is wrong is among the
// problems, so that reading goes on and finds the others.

import { isMap, isScalar, isSeq, type ParsedNode } from 'yaml';
import { nearestName } from './nearest-name.js';
import type { Problems } from './policy-text.js';

/** One entry of a map or a list. */
export interface Field {
  /** As problems name it. */
  readonly name: string;
  /** An entry of the list of this name. */
  readonly isListed?: true;
  /** Offset in the text. */
  readonly at: number;
  readonly value: ParsedNode | null;
}

export type Fields = ReadonlyMap<string, Field>;

/** The entries of a map that may have any names. */
export function readEntries(field: Field, problems: Problems): Fields {
  const { name, at, value } = field;
  const entries = new Map<string, Field>();
  if (isEmpty(field)) return entries;
  if (!isMap(value)) {
    problems.add(startOf(field), `"${name}" must be a map, one "key: value" in each line`);
    return entries;
  }
  for (const pair of value.items) {
    // The parser has refused all other keys.
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const entry = { name: key, at: pair.key.range?.[0] ?? at, value: pair.value };
    if (entries.has(key)) problems.add(entry.at, `"${key}" is here for the second time`);
    else entries.set(key, entry);
  }
  return entries;
}

/** The entries of a map that has keys of its own: others are problems, and so is a required one that is missing. */
export function readFields(
  field: Field,
  { required, optional = [] }: { readonly required: readonly string[]; readonly optional?: readonly string[] },
  problems: Problems,
): Fields {
  const entries = readEntries(field, problems);
  if (!isMap(field.value) && !isEmpty(field)) return entries;
  const known = [...required, ...optional];
  for (const { name, at } of entries.values()) {
    if (known.includes(name)) continue;
    const meant = nearestName(name, known);
    const remedy = meant === undefined ? `there are ${known.join(', ')}` : `did you mean "${meant}"`;
    problems.add(at, `there is no key "${name}"; ${remedy}`);
  }
  for (const name of required) {
    if (!entries.has(name)) problems.add(field.at, `"${field.name}" needs "${name}"`);
  }
  return entries;
}

export function readList(field: Field | undefined, problems: Problems): readonly Field[] | undefined {
  if (field === undefined) return undefined;
  const { name, at, value } = field;
  if (!isSeq(value)) {
    problems.add(startOf(field), `"${name}" must be a list, as [one, two]`);
    return undefined;
  }
  return value.items.map((item) => ({ name, isListed: true, at: item.range[0] ?? at, value: item }));
}

export function readText(field: Field | undefined, problems: Problems): string | undefined {
  if (field === undefined) return undefined;
  const value = scalarOf(field);
  if (typeof value === 'string' && value.trim() !== '') return value;
  const quoted = typeof value === 'number' || typeof value === 'boolean' ? `: put it in quotes, "${value}"` : '';
  const subject = field.isListed ? `an entry of "${field.name}"` : `"${field.name}"`;
  problems.add(startOf(field), `${subject} must be a text${quoted}`);
  return undefined;
}

/** A text of a form. @param says what it has to be */
export function readPattern(
  field: Field | undefined,
  pattern: RegExp,
  says: string,
  problems: Problems,
): string | undefined {
  const text = readText(field, problems);
  if (field === undefined || text === undefined || pattern.test(text)) return text;
  problems.add(startOf(field), `"${text}" can not be used: ${says}`);
  return undefined;
}

export function readChoice<Choice extends string>(
  field: Field | undefined,
  choices: readonly Choice[],
  problems: Problems,
): Choice | undefined {
  const text = readText(field, problems);
  if (field === undefined || text === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) {
    const meant = nearestName(text, choices);
    const remedy = meant === undefined ? `there is ${choices.join(', ')}` : `did you mean "${meant}"`;
    const { name, isListed } = field;
    const problem = isListed ? `"${text}" can not be in "${name}"` : `"${name}" can not be "${text}"`;
    problems.add(startOf(field), `${problem}; ${remedy}`);
  }
  return choice;
}

export function readInteger(
  field: Field | undefined,
  { from, to }: { readonly from: number; readonly to: number },
  problems: Problems,
): number | undefined {
  if (field === undefined) return undefined;
  const value = scalarOf(field);
  if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return value;
  problems.add(startOf(field), `"${field.name}" must be a whole number from ${from} to ${to}`);
  return undefined;
}

export function readSwitch(field: Field | undefined, problems: Problems): boolean | undefined {
  if (field === undefined) return undefined;
  const value = scalarOf(field);
  if (typeof value === 'boolean') return value;
  problems.add(startOf(field), `"${field.name}" must be true or false`);
  return undefined;
}

/** A name that another part of the file gives a meaning. @param what as people call what it names */
export function readReference<Value>(
  field: Field | undefined,
  named: ReadonlyMap<string, Value>,
  what: string,
  problems: Problems,
): Value | undefined {
  const name = readText(field, problems);
  if (field === undefined || name === undefined) return undefined;
  const value = named.get(name);
  if (value === undefined) {
    const meant = nearestName(name, named.keys());
    const remedy = meant === undefined ? `add it to "${what}"` : `did you mean "${meant}"`;
    problems.add(startOf(field), `there is no "${name}" in "${what}"; ${remedy}`);
  }
  return value;
}

export function isMapField({ value }: Field): boolean {
  return isMap(value);
}

/** As "money:" with nothing behind it. */
function isEmpty({ value }: Field): boolean {
  return value === null || (isScalar(value) && value.value === null);
}

/** Where the value stands, or its key when there is none. */
export function startOf({ at, value }: Field): number {
  return value?.range[0] ?? at;
}

function scalarOf({ value }: Field): unknown {
  return isScalar(value) ? value.value : undefined;
}
