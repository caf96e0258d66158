import { readFileSync } from 'node:fs';

// requirements.json is the list of what the contract and the standards ask of us. Tests name the ids they prove.

export const suites = ['unit', 'system'] as const;
export type Suite = (typeof suites)[number];

interface RequirementBase {
  readonly id: string;
  readonly clause: string;
  readonly text: string;
  readonly suite: Suite;
}

export type Requirement = RequirementBase &
  ({ readonly applies: true } | { readonly applies: false; readonly reason: string });

const idPattern = /^[A-Z][A-Z0-9]*-\d+$/;

/** @throws Error naming the first row that is not a requirement, or an id that stands twice */
export function parseRequirements(json: string): readonly Requirement[] {
  const rows: unknown = JSON.parse(json);
  if (!Array.isArray(rows)) throw new Error('requirements: expected an array');
  const requirements = rows.map((row: unknown, index) => parseRequirement(row, index));
  const seen = new Set<string>();
  for (const { id } of requirements) {
    if (seen.has(id)) throw new Error(`requirements: ${id} stands twice`);
    seen.add(id);
  }
  return requirements;
}

function parseRequirement(row: unknown, index: number): Requirement {
  if (typeof row !== 'object' || row === null) throw new Error(`requirements: row ${index} is not an object`);
  const fields = new Map<string, unknown>(Object.entries(row));
  const text = (name: string): string => {
    const value = fields.get(name);
    if (typeof value !== 'string' || value === '') throw new Error(`requirements: row ${index} has no ${name}`);
    return value;
  };

  const id = text('id');
  if (!idPattern.test(id)) throw new Error(`requirements: "${id}" is not an id such as TOK-01`);
  const suite = suites.find((known) => known === fields.get('suite'));
  if (suite === undefined) throw new Error(`requirements: ${id} needs a suite, one of ${suites.join(', ')}`);
  const base = { id, clause: text('clause'), text: text('text'), suite };

  const applies = fields.get('applies');
  if (applies === true) return { ...base, applies };
  if (applies === false) return { ...base, applies, reason: text('reason') };
  throw new Error(`requirements: ${id} needs "applies", true or false`);
}

export function readRequirements(file: string): readonly Requirement[] {
  return parseRequirements(readFileSync(file, 'utf8'));
}
