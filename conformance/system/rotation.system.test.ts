// The example of a rotation, run as a reader runs it, against a server of its own.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { finish, makeDirectory, operationsUrlOf, startedDev, startShell, stopDev } from '../support/program.js';

const example = fileURLToPath(new URL('../../examples/rotate-credentials/run.mjs', import.meta.url));

/** What the server counted, `{ 'secret_paused': 12 }`: it knows nothing of what the workers report. */
async function countRefusals(operationsUrl: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  const lines = [...text.matchAll(/^refusals_total\{code="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(lines.map(([, code = '', count]) => [code, Number(count)]));
}

test('[SEC-20] a secret and a certificate are replaced under running workers without a failed call, and the brown-out finds the forgotten one', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const server = await startedDev(dataDirectory);
  const run = await finish(startShell(`exec node '${example}' --data-dir '${dataDirectory}'`));
  expect({ code: run.code, error: run.error }).toEqual({ code: 0, error: '' });

  const summary = JSON.parse(run.out.trimEnd().split('\n').at(-1) ?? '');
  expect(summary.payments).toMatchObject({ version: 'v3', failed: 0, failures: {} });
  expect(summary.payments.calls).toBeGreaterThan(100);
  expect(summary.foundByPausingTheSecret).toEqual([summary.reportsCertificateId]);
  expect(summary.refusedByPausingTheCertificate).toBe(0);
  expect(Object.keys(summary.reports.failures)).toEqual(['secret_paused']);
  expect(summary.reportsFailedAfter).toBe(0);

  // Every refusal the server gave was one of the forgotten worker in the brown-out.
  expect(await countRefusals(operationsUrlOf(server))).toEqual({ secret_paused: summary.reports.failed });
  await stopDev(server);
});
