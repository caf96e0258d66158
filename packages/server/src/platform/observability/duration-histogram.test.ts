import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createDurationHistogram } from './duration-histogram.js';

const bounds = [0.001, 0.01, 1];

test('renders what the library renders for the same measurements', async () => {
  const measurement = fc.record({
    listener: fc.constantFrom('sandbox api', 'production api-mtls'),
    route: fc.constantFrom('/oauth/token', 'none'),
    status: fc.constantFrom(200, 401),
    seconds: fc.constantFrom(0, 0.001, 0.002, 0.01, 0.5, 1, 2),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(measurement, { minLength: 1 }), async (measurements) => {
      const registry = new Registry();
      const labelNames = ['listener', 'route', 'status'];
      const oracle = new Histogram({ name: 'd', help: 'h', labelNames, buckets: bounds, registers: [registry] });
      const histogram = createDurationHistogram('d', 'h', bounds, ['listener', 'route']);
      for (const { listener, route, status, seconds } of measurements) {
        oracle.labels(listener, route, String(status)).observe(seconds);
        histogram.observe(listener, route, status, seconds);
      }
      expect(parse(histogram.render())).toEqual(parse(await registry.metrics()));
    }),
  );
});

/** The samples by name and labels: the order of series and labels means nothing in the format. */
function parse(text: string): ReadonlyMap<string, number> {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
      return [`${name}{${labels.split(',').sort().join(',')}}`, Number(value)];
    }),
  );
}
