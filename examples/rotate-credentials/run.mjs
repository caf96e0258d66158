// Rotates a client secret and renews a certificate under two running workers, and finds the one that was forgotten. Everything an
// operator does here is a `tollward` command, printed before it runs. The server must be running (`npm start`).
//
//   node examples/rotate-credentials/run.mjs [--data-dir <folder>]
//
// Ends with one line of JSON, and with exit code 1 when a call of the payments worker failed or nobody was found.

import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({ options: { 'data-dir': { type: 'string' } } });
const dataDir = resolve(options['data-dir'] ?? process.env.TOLLWARD_DATA_DIR ?? '.tollward');
const program = fileURLToPath(new URL('../../packages/server/bin/tollward.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rotate-credentials-'));
const patienceMs = 60_000;
/** The exit code of a command that may not be done now, such as retiring what is still used. */
const conflict = 5;
const say = (text) => process.stdout.write(`${text}\n`);

// ---- tools

/** Runs a command of the operator. Returns what it printed with --json, or the exit code when that is expected. */
function tollward(words, { expectExit = 0 } = {}) {
  say(`  $ tollward ${words.map((word) => (/^[\w./@:-]+$/.test(word) ? word : `'${word}'`)).join(' ')}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--data-dir', dataDir, '--json', ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== expectExit) throw Object.assign(new Error(`exit code ${status}: ${stderr}`), { exitCode: status });
  return expectExit === 0 ? JSON.parse(stdout) : JSON.parse(stderr).error;
}

/** Asks again until there is an answer. */
async function until(what, ask) {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const answer = await ask();
    if (answer) return answer;
    await pause(50);
  }
  throw new Error(`waited too long for: ${what}`);
}

/** A worker and what it last reported. */
function startWorker(name) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('worker.mjs', import.meta.url)), join(folder, name)], {
    env: { ...process.env, ...endpoint },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const worker = { child, ended: new Promise((done) => child.once('close', done)), report: undefined };
  createInterface({ input: child.stdout }).on('line', (line) => {
    worker.report = JSON.parse(line);
  });
  workers.push(worker);
  return worker;
}

/** Resolves when the worker made `count` more calls. */
function moreCalls(worker, count) {
  const before = worker.report?.calls ?? 0;
  return until('more calls', () => (worker.report?.calls ?? 0) >= before + count);
}

/** A worker's new credentials: a folder of their own, then one atomic move of the link. */
function deploy(name, version) {
  const next = join(folder, name, 'next');
  symlinkSync(version, next);
  renameSync(next, join(folder, name, 'current'));
}

function makeVersion(name, version, files) {
  const target = join(folder, name, version);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  for (const [file, source] of Object.entries(files)) copyFileSync(source, join(target, file));
  return target;
}

function readEnvFile(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  return Object.fromEntries(lines.filter((line) => line.includes('=')).map(parseEnvLine));
}

/** A value may have "=" in it too. */
function parseEnvLine(line) {
  const end = line.indexOf('=');
  return [line.slice(0, end), line.slice(end + 1)];
}

/** Who used a credential, in words. */
function describeUses(credential) {
  const used = credential.uses.map(
    ({ address, certificateId, uses, refused }) =>
      `    ${address} with ${certificateId}: used ${uses}, refused ${refused}`,
  );
  return used.length === 0 ? '    nobody' : used.join('\n');
}

// ---- the story

if (!existsSync(join(dataDir, 'sandbox.env'))) {
  process.stderr.write(`No server has been started on ${dataDir}. Run "npm start" first, or name its --data-dir.\n`);
  process.exit(2);
}
const { MTLS_URL, CA_FILE } = readEnvFile(join(dataDir, 'sandbox.env'));
const endpoint = { MTLS_URL: unquote(MTLS_URL), CA_FILE: unquote(CA_FILE) };
const workers = [];

function unquote(value) {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
}

async function story() {
  say(
    '1. A client, and two workers of it: payments, and a reports job that everybody will forget. Each has a certificate.',
  );
  const name = `rotation ${new Date().toISOString()}`;
  const first = join(folder, 'payments', 'v1');
  const created = tollward([
    'clients',
    'create',
    '--environment',
    'sandbox',
    '--organisation',
    'Rotation Example',
    '--name',
    name,
    '--rate',
    '200/10000',
    '--out',
    first,
  ]);
  const clientId = created.client.id;
  const [oldSecret] = created.client.secrets;
  const oldCertificate = created.client.certificates[0];
  const reports = newCertificate(clientId, 'reports');
  makeVersion('reports', 'v1', { ...reports.files, 'client.env': join(first, 'client.env') });
  deploy('payments', 'v1');
  deploy('reports', 'v1');
  const payments = startWorker('payments');
  const forgotten = startWorker('reports');
  await moreCalls(payments, 20);
  await moreCalls(forgotten, 20);

  say(
    '\n2. The secret is rotated. For an hour both secrets get tokens. Payments gets the new one, reports is forgotten.',
  );
  const newEnv = join(folder, 'new.env');
  const rotated = tollward(['secrets', 'rotate', clientId, '--overlap', '1h', '--out', newEnv]);
  const withNewSecret = { 'client.env': newEnv };
  makeVersion('payments', 'v2', { ...filesOf(first), ...withNewSecret });
  deploy('payments', 'v2');
  await until('payments with the new secret', () => payments.report.version === 'v2');

  say('\n3. May the old one go? Not yet: it was used a moment ago.');
  const refused = tollward(['secrets', 'end', oldSecret.id, '--safe-after', '24h'], { expectExit: conflict });
  say(`  ${refused.message}`);

  say('\n4. Who would notice? For up to 30 seconds the old secret counts as revoked.');
  tollward(['secrets', 'pause', oldSecret.id, '--for', '30s']);
  await until('the forgotten worker', () => forgotten.report.failures.secret_paused > 0);
  await moreCalls(payments, 20);
  const paused = find(tollward(['clients', 'show', clientId]).secrets, oldSecret.id);
  say(describeUses(paused));
  const found = paused.uses.filter(({ refused }) => refused > 0).map(({ certificateId }) => certificateId);
  say(`  Found: the worker with the certificate "reports" (${found.join(', ')}).`);
  tollward(['secrets', 'resume', oldSecret.id]);

  say('\n5. Reports gets the new secret too. When the old one has been quiet for 3 seconds, it goes.');
  makeVersion('reports', 'v2', { ...filesOf(join(folder, 'reports', 'v1')), ...withNewSecret });
  deploy('reports', 'v2');
  await until('reports with the new secret', () => forgotten.report.version === 'v2');
  const failedBefore = forgotten.report.failed;
  await retire(['secrets', 'end', oldSecret.id, '--safe-after', '3s']);

  say('\n6. The certificate of payments is renewed: a new key, a new certificate beside the old one, then the switch.');
  const renewed = newCertificate(clientId, 'payments renewed');
  makeVersion('payments', 'v3', { ...renewed.files, ...withNewSecret });
  deploy('payments', 'v3');
  await until('payments with the new certificate', () => payments.report.version === 'v3');

  say('\n7. Does anybody still use the old certificate? A brown-out of it, and nobody is refused.');
  tollward(['certs', 'pause', oldCertificate.id, '--for', '30s']);
  await moreCalls(payments, 100);
  await moreCalls(forgotten, 20);
  const quiet = find(tollward(['clients', 'show', clientId]).certificates, oldCertificate.id);
  say(describeUses(quiet));
  const refusedOld = quiet.uses.reduce((sum, { refused }) => sum + refused, 0);
  await retire(['certs', 'revoke', oldCertificate.id, '--safe-after', '3s']);
  await moreCalls(payments, 20);

  return {
    clientId,
    oldSecretId: oldSecret.id,
    newSecretId: rotated.id,
    reportsCertificateId: reports.id,
    foundByPausingTheSecret: found,
    refusedByPausingTheCertificate: refusedOld,
    payments,
    reports: forgotten,
    reportsFailedBefore: failedBefore,
  };
}

/** A key made here, and a certificate for it. */
function newCertificate(clientId, name) {
  const target = join(folder, `certificate ${name}`);
  tollward(['certs', 'csr', '--organisation', 'Rotation Example', '--country', 'EE', '--out', target]);
  const certificate = join(target, 'client.pem');
  const csr = join(target, 'client.csr');
  const issued = tollward(['certs', 'issue', clientId, '--name', name, '--csr', csr, '--out', certificate]);
  return { id: issued.certificate.id, files: { 'client.pem': certificate, 'client.key': join(target, 'client.key') } };
}

function filesOf(directory) {
  return Object.fromEntries(['client.env', 'client.pem', 'client.key'].map((file) => [file, join(directory, file)]));
}

function find(credentials, id) {
  return credentials.find((credential) => credential.id === id);
}

/** Repeats a command that refuses as long as the credential is in use. */
async function retire(words) {
  await until('a quiet credential', async () => {
    try {
      return tollward(words);
    } catch (error) {
      if (error.exitCode !== conflict) throw error;
      await pause(500);
      return undefined;
    }
  });
}

try {
  const result = await story();
  for (const { child } of workers) child.kill('SIGTERM');
  await Promise.all(workers.map(({ ended }) => ended));
  const summary = {
    ...result,
    payments: result.payments.report,
    reports: result.reports.report,
    reportsFailedAfter: result.reports.report.failed - result.reportsFailedBefore,
  };
  say(`\nPayments made ${summary.payments.calls} calls, ${summary.payments.failed} failed.`);
  const reasons = Object.keys(summary.reports.failures);
  say(
    `Reports made ${summary.reports.calls} calls, ${summary.reports.failed} failed (${reasons.join(', ') || 'none'}).\n`,
  );
  say(JSON.stringify(summary));
  const foundIt = summary.foundByPausingTheSecret.join() === summary.reportsCertificateId;
  const onlyPaused = reasons.join() === 'secret_paused' && summary.reportsFailedAfter === 0;
  process.exitCode = summary.payments.failed === 0 && onlyPaused && foundIt ? 0 : 1;
} finally {
  for (const { child } of workers) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
}
