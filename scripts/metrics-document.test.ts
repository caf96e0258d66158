import { describeMetrics } from '@tollward/server/documents';
import { expect, test } from 'vitest';
import { renderMetrics } from './metrics-document.js';

test('metrics stand in the order of their names, with type, labels and help', () => {
  const text = renderMetrics([
    { name: 'b_total', type: 'counter', labels: ['x', 'y'], help: 'Bees' },
    { name: 'a_seconds', type: 'gauge', labels: [], help: 'Time | age' },
  ]);
  expect(text.slice(text.indexOf('| Metric'))).toBe(`| Metric | Type | Labels | Meaning |
|---|---|---|---|
| \`a_seconds\` | gauge |  | Time \\| age. |
| \`b_total\` | counter | \`x\`, \`y\` | Bees. |
`);
});

test('every metric of the program says what it means, and no sentence ends twice', () => {
  for (const { name, help } of describeMetrics()) expect([name, help]).toEqual([name, expect.stringMatching(/[^.]$/)]);
});
