// No secret in a log line, an answer, a metric or a row: those that Tollward made, and those that a caller put in a wrong
// place. Only the answer that gives a token out may hold it.

import { createDecipheriv } from 'node:crypto';
import {
  aClient,
  askManagement,
  aToken,
  basic,
  type CallAnswer,
  call,
  callPlayground,
  endCertificate,
  endClient,
  identityOf,
  type ManagementQuestion,
  pauseSecretOf,
  requestToken,
  revokeSecretOf,
  rotate,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, expect, test } from 'vitest';
import { openConnection, readUntilClosed } from './support/connection.js';
import { makeCertificate, makeKey, makeRequest, openssl } from './support/openssl.js';

const server = await startTestServer({ settings: { logLevel: 'debug' } });
afterAll(() => server.stop());

/** The master key of test servers. */
const masterKey = Buffer.alloc(32, 7);

/** Opens a value that is sealed at rest: 5 bytes of header, 12 of nonce, ciphertext, 16 of tag. */
function unseal(sealed: Buffer, environment: string, table: string, row: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', masterKey, sealed.subarray(5, 17));
  decipher.setAAD(Buffer.from(JSON.stringify(['tollward sealed value', environment, table, row])));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(17, -16)), decipher.final()]);
}

/** Parts long enough to be no accident, of every way these bytes are usually written. */
function writings(bytes: Buffer): string[] {
  return [bytes.toString('latin1'), bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
}

/** A part of a secret that Tollward hands out, or of a token: its prefix is no secret. */
function core(secret: string): string {
  return secret.slice('tlw_sbx_cs_'.length, 'tlw_sbx_cs_'.length + 20);
}

async function serverKeys(): Promise<string[]> {
  const { database } = server.core;
  const rows = await database.read(async (tx) => ({
    hmac: await tx.selectFrom('hmac_keys').selectAll().execute(),
    token: await tx.selectFrom('token_keys').selectAll().execute(),
    ticket: await tx.selectFrom('ticket_keys').selectAll().execute(),
    authorities: await tx.selectFrom('certificate_authorities').selectAll().execute(),
    signing: await tx.selectFrom('signing_keys').selectAll().execute(),
  }));
  const keys = [
    masterKey,
    ...rows.hmac.map((row) => unseal(row.key_sealed, row.environment, 'hmac_keys', String(row.version))),
    ...rows.token.map((row) => unseal(row.key_sealed, row.environment, 'token_keys', row.id)),
    ...rows.ticket.map((row) => unseal(row.key_sealed, row.environment, 'ticket_keys', row.id)),
  ];
  const signing = rows.signing.map((row) => unseal(row.key_sealed, row.environment, 'signing_keys', row.kid));
  const privateKeys = rows.authorities
    .flatMap(({ environment, kind, root_key_sealed, issuing_key_sealed }) => [
      unseal(root_key_sealed, environment, 'certificate_authorities', `${kind} root`),
      unseal(issuing_key_sealed, environment, 'certificate_authorities', `${kind} issuing`),
    ])
    .concat(signing)
    // The first bytes of a PKCS #8 key are the same in all of them.
    .map((pkcs8) => pkcs8.subarray(36, 68));
  return [...keys, ...privateKeys].flatMap(writings);
}

/** Stands for any table: Kysely wants a name it knows, and which there are is asked of the database. */
type TableName = 'clients';

/** Every table but those of the migrations, so that a new one is searched too. */
async function tableNames(): Promise<TableName[]> {
  const rows: readonly object[] = await server.core.database.read((tx) =>
    tx
      .selectFrom('information_schema.tables' as TableName)
      .selectAll()
      .execute(),
  );
  return rows
    .map((row) => new Map<string, unknown>(Object.entries(row)))
    .filter((row) => row.get('table_schema') === 'public')
    .map((row) => String(row.get('table_name')) as TableName)
    .filter((name) => !name.startsWith('schema_migrations') && !ofNodes.has(name));
}

/** Nodes write them, and a server on a database of its own is none: ids, names and counts by client or address. */
const ofNodes: ReadonlySet<string> = new Set(['nodes', 'rate_counts']);

async function everyRow(): Promise<string> {
  await server.core.refusals.flush();
  await server.core.usage.flush();
  await server.core.audit.turn(server.time.now);
  const { database } = server.core;
  const written: string[] = [];
  const tables = await tableNames();
  expect(tables).toContain('audit_entries');
  for (const table of tables) {
    const rows = await database.read((tx) => tx.selectFrom(table).selectAll().execute());
    expect(rows.length, `rows of ${table}, without which nothing was searched`).toBeGreaterThan(0);
    for (const value of rows.flatMap((row): unknown[] => Object.values(row))) {
      if (value instanceof Uint8Array) written.push(...writings(Buffer.from(value)));
      else written.push(String(value));
    }
  }
  return written.join('\n');
}

function expectNothingIn(places: Readonly<Record<string, string>>, needles: readonly string[]): void {
  for (const [place, text] of Object.entries(places)) {
    // Lines instead of the whole text, so that a failure shows where it was found.
    const found = text.split('\n').filter((line) => needles.some((needle) => line.includes(needle)));
    expect([place, found]).toEqual([place, []]);
  }
}

test('[BCP-01] [BEAR-07] no secret is found anywhere after every good and bad use of it', async () => {
  const client = await aClient(server);
  const off = await aClient(server, { mtlsRequired: false });
  const production = await aClient(server, { environment: 'production' });
  const doomed = await aClient(server);
  const clients = [client, off, production, doomed];
  const tokens: string[] = [];
  for (const each of clients) tokens.push(await aToken(server, each));
  const [token = ''] = tokens;
  const doomedToken = tokens[3] ?? '';

  const answers: CallAnswer[] = [];
  const raw: string[] = [];
  const keep = async (answer: Promise<CallAnswer>): Promise<void> => void answers.push(await answer);
  const sendRaw = async (bytes: string): Promise<void> => {
    const socket = await openConnection(server, { identity: client.identity });
    const answered = readUntilClosed(socket);
    socket.write(bytes);
    raw.push(await answered);
  };

  const form = (body: string, more: Partial<Parameters<typeof requestToken>[2]> = {}) =>
    keep(requestToken(server, client, { body, ...more }));
  for (const secret of [client.secret, token]) {
    const encoded = encodeURIComponent(secret);
    // In the place of the other credential, in the id field, beside the right one.
    await form('grant_type=client_credentials', { headers: { authorization: basic(secret, 'x') } });
    await form('grant_type=client_credentials', { headers: { authorization: basic('x', secret) } });
    await form('grant_type=client_credentials', { headers: { authorization: basic(client.clientId, `${secret} `) } });
    await form('grant_type=client_credentials', { headers: { authorization: `Bearer ${secret}` } });
    await form('grant_type=client_credentials', { headers: { authorization: secret } });
    // In the form.
    await form(`grant_type=${encoded}`);
    await form(`grant_type=client_credentials&client_id=${encoded}`);
    await form(`client_secret=${encoded}`);
    await form(`${encoded}=1&${encoded}=2`);
    await form(`{"client_secret": "${secret}"}`);
    await form(`a=${secret}`, { headers: { 'content-type': secret } });
    await form(`a=${secret}`, { headers: { 'content-encoding': secret } });
    await form(`grant_type=${'a'.repeat(9_000)}${secret}`);
    // Where a token is named, and in its place what is none.
    for (const path of ['/oauth/revoke', '/oauth/introspect']) {
      await form(`token=${encoded}x&token_type_hint=${encoded}`, { path });
      await form(`token=${encoded}`, { path, identity: null });
      await form(`token_type_hint=${encoded}`, { path });
    }
    await form(`token=${encoded}`, { path: '/oauth/introspect', headers: { accept: secret } });
    await form(`token=${encoded}`, {
      path: '/oauth/introspect',
      headers: { accept: 'application/token-introspection+jwt' },
    });
    // In the address, in headers, in the method.
    await keep(call(server, { path: `/v1/${secret}` }));
    await keep(call(server, { path: `/v1//${secret}` }));
    await keep(call(server, { path: `/oauth/token?client_secret=${encoded}`, method: 'POST' }));
    await keep(call(server, { path: `/v1/authenticated/playground?access_token=${encoded}` }));
    await keep(call(server, { path: `/${secret}/oauth/token`, method: 'POST' }));
    await keep(call(server, { path: '/nothing', headers: { expect: secret, cookie: `token=${secret}` } }));
    await keep(callPlayground(server, client, `${secret}x`));
    await keep(callPlayground(server, client, secret, { identity: off.identity }));
    await keep(callPlayground(server, client, secret, { listener: 'api' }));
    await keep(callPlayground(server, client, secret, { environment: 'production' }));
    await sendRaw(`${secret} / HTTP/1.1\r\n\r\n`);
    await sendRaw(`GET /${secret} HTTP/9.9\r\nHost: localhost\r\n\r\n`);
    await sendRaw(`GET / HTTP/1.1\r\nHost: localhost\r\n${secret}\r\n\r\n`);
    await sendRaw(`CONNECT ${secret}:443 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    // In the name of a certificate, which is evidence of a refusal.
    const named = makeCertificate({ subject: `/O=x/CN=${secret.slice(0, 60)}` });
    await keep(requestToken(server, client, { identity: named }));
    await keep(callPlayground(server, client, token, { identity: named }));
  }
  await keep(requestToken(server, client, { identity: null }));
  await keep(callPlayground(server, client, token));
  const given = await aToken(server, client);
  tokens.push(given);
  for (let count = 0; count < 2; count += 1) await form(`token=${given}`, { path: '/oauth/revoke' });
  // Through their whole life, each secret used at every turn of it.
  const first = await aClient(server);
  const second = await rotate(server, first);
  const third = await rotate(server, first, { force: true });
  const useEach = async (): Promise<void> => {
    for (const each of [first, second, third]) await keep(requestToken(server, each, { body: 'grant_type=none' }));
  };
  await useEach();
  await pauseSecretOf(server, third, 60);
  await revokeSecretOf(server, second);
  await useEach();
  await keep(requestToken(server, first, { environment: 'production' }));
  clients.push(first, second, third);

  await endCertificate(server, identityOf(doomed));
  await keep(callPlayground(server, doomed, doomedToken));
  await endClient(server, doomed);
  await keep(callPlayground(server, doomed, doomedToken));
  server.time.now += 43_200_000;
  await keep(callPlayground(server, client, token));
  server.time.now += 10 * 24 * 3_600_000;
  await keep(requestToken(server, client));

  const { 'x-trace-id': traceOfCorrelated } = (
    await callPlayground(server, client, 'x', {
      headers: { 'x-external-correlation-id': client.secret.slice(0, 36) },
    })
  ).headers;

  const needles = [
    ...clients.map(({ secret }: TestClient) => core(secret)),
    ...tokens.map(core),
    ...clients.map(({ identity }) => identity?.key.split('\n')[1] ?? 'no key'),
    ...(await serverKeys()),
  ];
  const places = {
    logs: server.logLines.join(''),
    answers: answers.map(({ text, headers }) => `${JSON.stringify(headers)}${text}`).join('\n'),
    rawAnswers: raw.join('\n'),
    rows: await everyRow(),
    metrics: await server.core.metrics.render(),
  };
  expectNothingIn(places, needles);
  // The search would find something: what was recorded is there, with the secret cut out of it.
  expect(places.logs).toContain(String(traceOfCorrelated));
  expect(places.logs).toContain('tlw_sbx_cs_***');
  expect(places.rows).toContain('tlw_sbx_cs_***');
  // Of these, 10 are about a token that was named.
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(11);
});

test('[CERT-15] [PEM-01] a private key that was pasted into any field of the management API is nowhere afterwards', async () => {
  const client = await aClient(server);
  const { certificateId } = identityOf(client);
  const { csr, key } = makeRequest({ subject: '/O=Example', keyKind: 'rsa2048' });
  const { cert } = makeCertificate({ subject: '/O=Example', key });
  const ecKey = makeKey('p256');
  const texts = [
    key,
    ecKey,
    openssl(['rsa', '-traditional'], key),
    openssl(['pkey', '-aes128', '-passout', 'pass:x'], key),
    `${csr}${key}`,
    `${key}${cert}`,
    key.replaceAll('\n', '\\n'),
    key.replaceAll('\n', ' '),
    key.replaceAll(/-----.*-----\n/g, ''),
    `CLIENT_KEY="${key}"`,
  ];

  const answers: string[] = [];
  const ask = async (method: ManagementQuestion['method'], path: string, body?: object): Promise<void> => {
    const { status, text } = await askManagement(server, { method, path, ...(body && { body }) });
    // Inspections explain what they are given; everything else has to refuse it.
    if (!path.endsWith('/inspection')) expect([path, status >= 400]).toEqual([path, true]);
    answers.push(text);
  };
  const { clientId } = client;
  const made = { environment: 'sandbox', organisation: 'Example', name: 'leak' };
  for (const text of texts) {
    const inPath = encodeURIComponent(text.slice(0, 1_000));
    await ask('POST', '/clients', { ...made, csr: text });
    await ask('POST', '/clients', { ...made, name: text });
    await ask('POST', '/clients', { ...made, organisation: text });
    await ask('POST', '/clients', { ...made, environment: text });
    await ask('POST', '/clients', { ...made, allowedAddresses: [text] });
    await ask('POST', '/clients', { ...made, [text]: text });
    await ask('PATCH', `/clients/${clientId}`, { name: text });
    await ask('PATCH', `/clients/${clientId}`, { allowedAddresses: [text] });
    await ask('POST', `/clients/${clientId}/issued-certificates`, { name: 'leak', csr: text });
    await ask('POST', `/clients/${clientId}/issued-certificates`, { name: text, csr });
    await ask('POST', `/clients/${clientId}/uploaded-certificates`, { name: 'leak', certificate: text });
    await ask('POST', `/clients/${clientId}/uploaded-certificates`, { name: text, certificate: cert });
    await ask('POST', `/clients/${clientId}/secrets`, { overlapSeconds: text });
    await ask('POST', `/certificates/${certificateId}/revocation`, { quietSeconds: text });
    await ask('POST', `/certificates/${certificateId}/pause`, { seconds: text });
    await ask('POST', '/certificates/inspection', { text });
    await ask('POST', '/certificates/inspection', { text: identityOf(client).cert, clientId: text });
    await ask('POST', '/tokens/inspection', { token: text });
    await ask('GET', `/clients/${inPath}`);
    await ask('GET', `/certificates/${inPath}`);
    await ask('GET', `/refusals/${inPath}`);
    await ask('GET', `/certificates?environment=${inPath}`);
  }

  // Every line of the bodies, without the last and short one, and the first, which is alike in all keys of a kind.
  const needles = texts.flatMap((text) =>
    text
      .split(/\s|\\n/)
      .filter((line) => line.length === 64)
      .slice(1),
  );
  expect(needles.length).toBeGreaterThan(100);
  const ofEcKey = ecKey.split('\n')[2] ?? '';
  expect(ofEcKey.length).toBeGreaterThan(40);
  // What makes the certificate and the request is public.
  const secretLines = needles.filter((line) => !cert.includes(line) && !csr.includes(line));
  const places = { logs: server.logLines.join(''), answers: answers.join('\n'), rows: await everyRow() };
  expectNothingIn(places, [...secretLines, ofEcKey]);
  expect(places.answers).toContain('private key');
});
