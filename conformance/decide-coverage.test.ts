import { describe, expect, test } from 'vitest';
import type { Requirement } from '../scripts/requirements.js';
import { decideCoverage, type RanTest, requirementIds } from './decide-coverage.js';

// The ids below must not look like ids in the names of these tests: the reporter reads those names too.
const applicable: Requirement = { id: 'ONE-01', clause: 'x 1', text: 'one', suite: 'unit', applies: true };
const excluded: Requirement = { id: 'TWO-01', clause: 'x 2', text: 'two', suite: 'unit', applies: false, reason: 'no' };

function decide(requirement: Requirement, tests: readonly RanTest[], suite: 'unit' | 'system' = 'unit') {
  return decideCoverage([requirement], tests, [suite]);
}

describe('requirement ids in test names', () => {
  test('several ids are found, other brackets are not', () => {
    expect(requirementIds('[ONE-01] a token [0] [ONE-02][abc] [x-1] end')).toEqual(['ONE-01', 'ONE-02']);
  });
});

describe('coverage of requirements', () => {
  test('a passing test is enough, even beside a failing and a skipped one', () => {
    const tests: RanTest[] = [
      { name: '[ONE-01] a', state: 'skipped' },
      { name: '[ONE-01] b', state: 'failed' },
      { name: 'c [ONE-01]', state: 'passed' },
    ];
    expect(decide(applicable, tests)).toEqual([]);
  });

  test('one test may prove several requirements', () => {
    const second: Requirement = { ...applicable, id: 'ONE-02' };
    expect(decideCoverage([applicable, second], [{ name: '[ONE-01] [ONE-02]', state: 'passed' }], ['unit'])).toEqual(
      [],
    );
  });

  test('an id that is not in the file is a problem and names the test', () => {
    expect(decide(applicable, [{ name: '[ONE-01] [XX-9] a', state: 'passed' }])).toEqual([
      'XX-9 is not in requirements.json, but a test names it: [ONE-01] [XX-9] a',
    ]);
  });

  test('an applicable requirement without a test is a problem', () => {
    expect(decide(applicable, [{ name: 'untagged', state: 'passed' }])).toEqual([
      'ONE-01 has no test in the unit suite',
    ]);
  });

  test('an applicable requirement whose tests were all skipped is a problem', () => {
    expect(decide(applicable, [{ name: '[ONE-01]', state: 'skipped' }])).toEqual([
      'ONE-01 is proved by no test: all of them were skipped',
    ]);
  });

  test('an applicable requirement whose tests failed is a problem', () => {
    const tests: RanTest[] = [
      { name: '[ONE-01]', state: 'failed' },
      { name: '[ONE-01]', state: 'skipped' },
    ];
    expect(decide(applicable, tests)).toEqual(['ONE-01 is proved by no test: none of them passed']);
  });

  test('a requirement of a suite that did not run is not judged', () => {
    expect(decide(applicable, [], 'system')).toEqual([]);
  });

  test('a requirement that does not apply needs no test', () => {
    expect(decide(excluded, [])).toEqual([]);
  });

  test('a requirement that does not apply must not have a test', () => {
    expect(decide(excluded, [{ name: '[TWO-01]', state: 'skipped' }])).toEqual([
      'TWO-01 does not apply, but a test names it: [TWO-01]',
    ]);
  });
});
