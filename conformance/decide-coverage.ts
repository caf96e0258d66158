import type { Requirement, Suite } from '../scripts/requirements.js';

export interface RanTest {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
}

/** The requirement ids a test name carries: `[TOK-01]`, any number of them. */
export function requirementIds(testName: string): readonly string[] {
  return [...testName.matchAll(/\[([A-Z][A-Z0-9]*-\d+)\]/g)].map(([, id]) => id ?? '');
}

/** What is wrong between the requirements and the tests of a full run of some suites; empty when all is well. */
export function decideCoverage(
  requirements: readonly Requirement[],
  tests: readonly RanTest[],
  ranSuites: readonly Suite[],
): readonly string[] {
  const known = new Map(requirements.map((requirement) => [requirement.id, requirement]));
  const testsOf = new Map<string, RanTest[]>();
  for (const test of tests) {
    for (const id of requirementIds(test.name)) testsOf.set(id, [...(testsOf.get(id) ?? []), test]);
  }

  const unknown = [...testsOf]
    .filter(([id]) => !known.has(id))
    .map(([id, [first]]) => `${id} is not in requirements.json, but a test names it: ${first?.name}`);
  return [...unknown, ...requirements.flatMap((row) => problemOf(row, testsOf.get(row.id) ?? [], ranSuites) ?? [])];
}

function problemOf(
  requirement: Requirement,
  tests: readonly RanTest[],
  ranSuites: readonly Suite[],
): string | undefined {
  const { id, applies, suite } = requirement;
  if (!applies) {
    return tests.length === 0 ? undefined : `${id} does not apply, but a test names it: ${tests[0]?.name}`;
  }
  if (!ranSuites.includes(suite) || tests.some((test) => test.state === 'passed')) return undefined;
  if (tests.length === 0) return `${id} has no test in the ${suite} suite`;
  return tests.every((test) => test.state === 'skipped')
    ? `${id} is proved by no test: all of them were skipped`
    : `${id} is proved by no test: none of them passed`;
}
