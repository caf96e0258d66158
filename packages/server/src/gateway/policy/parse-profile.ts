// Where the calls of a route name their profile: `path.NAME`, `query.NAME`, or a map for a parameter of the query that has
// several names or may be left out.

import type { PathSegment } from './path-template.js';
import type { ProfileParameter } from './policy.js';
import { type Field, isMapField, readFields, readList, readPattern, readSwitch, startOf } from './policy-fields.js';
import type { Problems } from './policy-text.js';

const placePattern = /^(path|query)\.([A-Za-z][A-Za-z0-9_-]*)$/;
const namePattern = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** @param segments of the path; undefined when it can not be used */
export function readProfile(
  field: Field | undefined,
  segments: readonly PathSegment[] | undefined,
  problems: Problems,
): ProfileParameter | null {
  if (field === undefined) return null;
  if (isMapField(field)) return readQueryProfile(field, problems);
  const says = 'write path.NAME, query.NAME or { query: [NAME, ANOTHER], optional: true }';
  const [, place, name] = placePattern.exec(readPattern(field, placePattern, says, problems) ?? '') ?? [];
  if (name === undefined) return null;
  if (place === 'query') return { in: 'query', name, aliases: [], optional: false };
  if (segments !== undefined && !segments.some(({ parameter }) => parameter === name)) {
    problems.add(startOf(field), `there is no "{${name}}" in the path`);
  }
  return { in: 'path', name };
}

function readQueryProfile(field: Field, problems: Problems): ProfileParameter | null {
  const fields = readFields(field, { required: ['query'], optional: ['optional'] }, problems);
  const names: string[] = [];
  for (const item of readList(fields.get('query'), problems) ?? []) {
    const name = readPattern(item, namePattern, 'a parameter has letters, digits, "_" and "-"', problems);
    if (name === undefined) continue;
    // Some upstreams read names without their case.
    if (names.some((known) => known.toLowerCase() === name.toLowerCase())) {
      problems.add(startOf(item), `"${name}" is here for the second time`);
    }
    names.push(name);
  }
  const optional = readSwitch(fields.get('optional'), problems) ?? false;
  const [name, ...aliases] = names;
  if (name === undefined) {
    problems.add(startOf(field), '"profile" must name its parameter, as { query: [profileId] }');
    return null;
  }
  return { in: 'query', name, aliases, optional };
}
