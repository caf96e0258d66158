// What an operator sees of a running process: log lines, health and metrics.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { basic, type CallAnswer } from '@tollward/server/testing';
import { expect, test } from 'vitest';
import { callAs, callPlaygroundAs, readPartner, requestTokenAs, tokenOf } from '../support/partner.js';
import { makeDirectory, operationsUrlOf, quickStartOf, startedDev, statusOf, stopDev } from '../support/program.js';

/** Every private key in the directory, as the lines of its PEM form, and the master key. */
function keysIn(dataDirectory: string): string[] {
  const files = readdirSync(dataDirectory, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(client|master)\.key$/.test(file),
  );
  return files.flatMap((file) =>
    readFileSync(join(dataDirectory, file), 'utf8')
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('-----'))
      // The first bytes of every key of a kind are the same.
      .map((line) => line.slice(-40)),
  );
}

test('one line of JSON per request stands in the log, with its trace id, and no secret does', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const program = await startedDev(dataDirectory, { variables: { TOLLWARD_LOG_LEVEL: 'debug' } });
  const partner = readPartner(dataDirectory, 'sandbox');
  const partners = [
    partner,
    readPartner(dataDirectory, 'sandbox', 'OTHER_'),
    readPartner(dataDirectory, 'production'),
    readPartner(dataDirectory, 'production', 'OTHER_'),
  ];
  const { clientId, secret } = partner;
  const answers: CallAnswer[] = [];
  const tokens: string[] = [];
  for (const each of partners) {
    const answer = await requestTokenAs(each);
    const token = String(answer.json['access_token']);
    tokens.push(token);
    answers.push(answer, await callPlaygroundAs(each, token));
  }
  const [token = ''] = tokens;
  const path = '/v1/authenticated/playground';
  answers.push(
    await requestTokenAs(partner, { identity: null }),
    await requestTokenAs(partner, { headers: { authorization: basic(clientId, `${secret.slice(0, -1)}_`) } }),
    await requestTokenAs(partner, { path: `/oauth/token?client_secret=${secret}` }),
    await requestTokenAs(partner, { body: `grant_type=client_credentials&client_secret=${secret}` }),
    await callPlaygroundAs({ ...partner, identity: partners[1]?.identity ?? partner.identity }, token),
    await callAs(partner, { path: `${path}?access_token=${token}` }),
    await callAs(partner, { path: `/v1/${token}/${secret}` }),
    await callAs(partner, { path, headers: { authorization: `Bearer ${secret}` } }),
    await callAs(partner, { path, headers: { 'x-external-correlation-id': secret.slice(0, 36) } }),
  );
  await stopDev(program);

  const output = program.out();
  const lines = output.slice(output.indexOf(quickStartOf(program)) + quickStartOf(program).length).split('\n');
  const logged = lines.filter((line) => line !== '' && !line.startsWith('Stopping: '));
  const records = logged.map((line): Record<string, unknown> => JSON.parse(line));
  const requests = records.filter(({ msg }) => msg === 'request');
  expect(requests.map(({ traceId, status }) => [traceId, status])).toEqual(
    answers.map(({ headers, status }) => [headers['x-trace-id'], status]),
  );
  expect(requests[0]).toMatchObject({
    level: 'info',
    environment: 'sandbox',
    listener: 'api-mtls',
    method: 'POST',
    path: '/oauth/token',
    status: 200,
    durationMs: expect.any(Number),
    clientId,
  });
  expect(requests.map(({ refusal }) => refusal)).toContain('certificate_missing');

  const written = `${output}${program.error()}`;
  // What follows the readable prefix of a secret or a token, as much of it as a correlation id has room for.
  const secrets = [...partners.map((each) => each.secret), ...tokens].map((text) => text.slice(11, 31));
  const headers = partners.map((each) => basic(each.clientId, each.secret).slice(-40));
  const keys = keysIn(dataDirectory);
  expect(keys.length).toBeGreaterThan(8);
  for (const value of [...secrets, ...headers, ...keys]) {
    expect(value.length).toBeGreaterThanOrEqual(20);
    expect(written).not.toContain(value);
  }
});

test('health and metrics have the documented paths and names, and count what happened', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const program = await startedDev(dataDirectory);
  const operationsUrl = operationsUrlOf(program);
  for (const name of ['live', 'ready', 'startup']) {
    const answer = await fetch(`${operationsUrl}/health/${name}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toMatchObject({ status: 'ok' });
  }
  expect(await statusOf(`${operationsUrl}/health/${randomBytes(4).toString('hex')}`)).toBe(404);

  const partner = readPartner(dataDirectory, 'sandbox');
  const token = await tokenOf(partner);
  await callPlaygroundAs(partner, token);
  await callPlaygroundAs(partner, token);
  await requestTokenAs(partner, { identity: null });

  const metrics = await (await fetch(`${operationsUrl}/metrics`)).text();
  for (const [name, type] of [
    ['http_request_duration_seconds', 'histogram'],
    ['oauth_tokens_issued_total', 'counter'],
    ['tls_handshakes_total', 'counter'],
    ['refusals_total', 'counter'],
    ['clock_skew_seconds', 'gauge'],
  ]) {
    expect(metrics.split('\n')).toContain(`# TYPE ${name} ${type}`);
  }
  const duration =
    'http_request_duration_seconds_count{listener="sandbox api-mtls",route="/v1/authenticated/playground"';
  expect(metrics.split('\n')).toEqual(
    expect.arrayContaining([
      `${duration},status="200"} 2`,
      'oauth_tokens_issued_total{grant="client_credentials"} 1',
      'tls_handshakes_total{listener="sandbox api-mtls",outcome="completed"} 4',
      'refusals_total{code="certificate_missing"} 1',
    ]),
  );
  expect(metrics).toMatch(/^clock_skew_seconds -?[\d.e-]+$/m);
});
