import type { MetricDescription } from '@tollward/server/documents';
import { code, renderTable } from './markdown.js';

/** docs/generated/metrics.md: every metric of the program. */
export function renderMetrics(metrics: readonly MetricDescription[]): string {
  const rows = metrics
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
    .map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(', '), `${help}.`]);
  return [
    '# Metrics',
    '',
    'Written by `npm run generate` from `packages/server/src/platform/observability/metrics.ts`. They are read at `/metrics` of',
    'the operations listener, in the text format of Prometheus. Besides these there are those of the process and of Node, whose',
    'names begin with `process_` and `nodejs_`. No label is a client, an address or anything else a caller chooses. What to do',
    'with them is in [the guide to observability](../guides/observability.md).',
    '',
    renderTable(['Metric', 'Type', 'Labels', 'Meaning'], rows),
    '',
  ].join('\n');
}
