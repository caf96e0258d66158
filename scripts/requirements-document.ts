import { renderTable } from './markdown.js';
import type { Requirement } from './requirements.js';

/** docs/generated/requirements.md: what is asked of us, clause by clause, and what we leave out. */
export function renderRequirements(requirements: readonly Requirement[]): string {
  const clauses = new Map<string, Requirement[]>();
  for (const requirement of requirements) {
    clauses.set(requirement.clause, [...(clauses.get(requirement.clause) ?? []), requirement]);
  }
  const applicable = requirements.filter((requirement) => requirement.applies).length;
  const sections = [...clauses].map(([clause, rows]) => renderClause(clause, rows));
  return [
    '# Requirements',
    '',
    'Written by `npm run generate` from `conformance/requirements.json`. Every requirement that applies has a passing test',
    'whose name carries its id; `npm test` and `npm run test:system` fail otherwise.',
    '',
    `${requirements.length} requirements, ${applicable} of them apply.`,
    '',
    ...sections,
  ].join('\n');
}

function renderClause(clause: string, requirements: readonly Requirement[]): string {
  const rows = requirements.map(({ id, text, suite, ...rest }) => [
    id,
    text,
    rest.applies ? 'yes' : `no: ${rest.reason}`,
    suite,
  ]);
  return [`## ${clause}`, '', renderTable(['Id', 'Requirement', 'Applies', 'Suite'], rows), ''].join('\n');
}
