// The example of an API behind Tollward, as its README starts it.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { callAs, readEnvFile, readPartner, tokenOf } from '../support/partner.js';
import { findPortBase, makeDirectory, startedDev, startShell } from '../support/program.js';

const example = fileURLToPath(new URL('../../examples/upstream/', import.meta.url));

test('the example upstream learns who calls from the assertion, and believes nobody without one', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const portBase = await findPortBase();
  // That of the simulator, which is not started.
  const url = `http://127.0.0.1:${portBase + 7}`;
  await startedDev(dataDirectory, {
    portBase,
    variables: { TOLLWARD_SANDBOX_POLICY_FILE: join(example, 'policy.yaml'), TOLLWARD_SANDBOX_UPSTREAM: url },
  });
  const values = readEnvFile(join(dataDirectory, 'sandbox.env'));
  const upstream = startShell(`exec '${process.execPath}' '${join(example, 'upstream.mjs')}'`, {
    ISSUER: values.get('API_URL') ?? '',
    PORT: String(portBase + 7),
    NODE_EXTRA_CA_CERTS: values.get('CA_FILE') ?? '',
  });
  await upstream.until(/listening on/);

  const partner = readPartner(dataDirectory, 'sandbox');
  const headers = { authorization: `Bearer ${await tokenOf(partner)}`, 'tollward-assertion': 'forged' };
  const answer = await callAs(partner, { method: 'GET', path: '/v1/whoami', headers });
  expect(answer.status).toBe(200);
  expect(answer.json).toEqual({
    environment: 'sandbox',
    token_kind: 'client_credentials',
    client_id: partner.clientId,
    organisation_id: expect.stringMatching(/^org_/),
  });

  const direct = await fetch(`${url}/v1/whoami`, { headers });
  expect([direct.status, await direct.text()]).toEqual([401, '']);
});
