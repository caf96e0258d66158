import { expect, test } from 'vitest';
import type { Requirement } from './requirements.js';
import { renderRequirements } from './requirements-document.js';

const one: Requirement = { id: 'ONE-01', clause: 'x 1', text: 'yes | no', suite: 'unit', applies: true };
const two: Requirement = { id: 'TWO-01', clause: 'x 2', text: 'two', suite: 'system', applies: false, reason: 'later' };

test('requirements are grouped by clause, in the order of the file', () => {
  const text = renderRequirements([one, two, { ...one, id: 'ONE-02', text: 'more' }]);
  expect(text.slice(text.indexOf('3 requirements'))).toBe(`3 requirements, 2 of them apply.

## x 1

| Id | Requirement | Applies | Suite |
|---|---|---|---|
| ONE-01 | yes \\| no | yes | unit |
| ONE-02 | more | yes | unit |

## x 2

| Id | Requirement | Applies | Suite |
|---|---|---|---|
| TWO-01 | two | no: later | system |
`);
});
