// The examples of @tollward/client, as their READMEs run them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { callAs, readPartner, tokenOf } from '../support/partner.js';
import {
  type Finished,
  finish,
  makeDirectory,
  operationsUrlOf,
  type Program,
  startedDev,
  startShell,
} from '../support/program.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
let server: Program;
let dataDirectory: string;

beforeAll(async () => {
  dataDirectory = join(makeDirectory(), 'data');
  server = await startedDev(dataDirectory, { simulated: true });
});

/** The one command of a README, on the data directory of this test. */
function runAsDocumented(example: string): Promise<Finished> {
  const readme = readFileSync(join(root, 'examples', example, 'README.md'), 'utf8');
  const command = /```sh\n(node .*)\n```/.exec(readme)?.[1] ?? '';
  return finish(startShell(`cd '${root}' && ${command.replace('.tollward', `'${dataDirectory}'`)}`));
}

async function countTokens(): Promise<number> {
  const text = await (await fetch(`${operationsUrlOf(server)}/metrics`)).text();
  return Number(/^oauth_tokens_issued_total\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** As the API says it to a caller that uses nothing of the client. */
async function rateOf(source: string, target: string): Promise<number> {
  const partner = readPartner(dataDirectory, 'sandbox');
  const headers = { authorization: `Bearer ${await tokenOf(partner)}` };
  const path = `/v1/rates?source=${source}&target=${target}`;
  const { text } = await callAs(partner, { method: 'GET', path, headers });
  return (JSON.parse(text) as [{ rate: number }])[0].rate;
}

test('[SDK-80] the pool of workers finds every rate, with one token for each worker', async () => {
  const before = await countTokens();
  const { code, out, error } = await runAsDocumented('worker-pool');
  expect({ code, error }).toEqual({ code: 0, error: '' });
  const lines = out.trimEnd().split('\n');
  expect(lines.at(-1)).toMatch(/^4 workers did \d+ \+ \d+ \+ \d+ \+ \d+ jobs$/);
  expect(await countTokens()).toBe(before + 4);
  const rates = new Map(lines.slice(0, -1).map((line) => line.split(': ') as [string, string]));
  expect(rates.size).toBe(16);
  expect(rates.get('USD to PLN')).toBe(String(await rateOf('USD', 'PLN')));
});

test('[SDK-80] the code written for fetch gets a rate', async () => {
  const { code, out, error } = await runAsDocumented('fetch-style');
  expect({ code, error }).toEqual({ code: 0, error: '' });
  expect(out).toBe(`GBP to EUR: ${await rateOf('GBP', 'EUR')}\n`);
});
