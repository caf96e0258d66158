import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PemConverter, Pkcs10CertificateRequest, X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertCertificateRows } from '../testing/certificate-rows.js';
import { openTestCommands, runCli, type TestCommands } from '../testing/cli.js';

let commands: TestCommands;
let names = 0;

beforeAll(async () => {
  commands = await openTestCommands();
});
afterAll(() => commands.close());

const dayMs = 86_400_000;
const nobody = '0'.repeat(32);
const inFolder = (...parts: string[]) => join(commands.workingDirectory, ...parts);

interface Added {
  readonly certificate: { readonly id: string; readonly sha256: string; readonly name: string };
  readonly chainPem?: string;
}

/** A folder with client.key and client.csr in it. */
async function aKey(...more: string[]): Promise<string> {
  names += 1;
  const folder = `key-${names}`;
  const made = await commands.run(['certs', 'csr', '--organisation', 'Test Bank', '--out', folder, ...more]);
  expect(made).toMatchObject({ exitCode: 0, error: '' });
  return folder;
}

async function aCertificate() {
  const { id } = await commands.createClient('--mtls', 'off');
  const folder = await aKey();
  const words = ['certs', 'issue', id, '--name', 'first', '--csr', join(folder, 'client.csr')];
  const { certificate, chainPem = '' } = await commands.runJson<Added>(words);
  return { clientId: id, folder, certificateId: certificate.id, chainPem };
}

/** A certificate that a partner made elsewhere, and its key. */
async function selfSigned(
  daysLeft = 100,
): Promise<{ readonly pem: string; readonly keyPem: string; readonly der: Buffer }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { now } = commands.management.time;
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=worker',
      notBefore: new Date(now - 200 * dayMs),
      notAfter: new Date(now + daysLeft * dayMs),
      signingAlgorithm: algorithm,
      keys,
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const pem = certificate.toString('pem');
  return { pem, keyPem: PemConverter.encode(key, 'PRIVATE KEY'), der: Buffer.from(certificate.rawData) };
}

describe('certs csr', () => {
  it('makes a key for its owner only and a request with the names given, without a server', async () => {
    const { workingDirectory } = commands;
    const words = ['certs', 'csr', '--organisation', 'Test Bank', '--country', 'EE', '--out', 'alone'];
    expect(await runCli(words, { workingDirectory })).toMatchObject({ exitCode: 0, error: '' });
    expect((await readdir(inFolder('alone'))).sort()).toEqual(['client.csr', 'client.key']);
    expect((await stat(inFolder('alone', 'client.key'))).mode & 0o777).toBe(0o600);
    const request = new Pkcs10CertificateRequest(await readFile(inFolder('alone', 'client.csr'), 'utf8'));
    expect(request.subject).toBe('C=EE, O=Test Bank');
    const key = createPrivateKey(await readFile(inFolder('alone', 'client.key')));
    const ofKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
    expect(Buffer.from(request.publicKey.rawData).equals(ofKey)).toBe(true);
  });

  it.each([
    ['ec-p384', { namedCurve: 'secp384r1' }],
    ['rsa-2048', { modulusLength: 2_048 }],
  ])('makes the kind of key that was asked for: %s', async (keyType, details) => {
    const folder = await aKey('--key-type', keyType);
    const key = createPrivateKey(await readFile(inFolder(folder, 'client.key')));
    expect(key.asymmetricKeyDetails).toMatchObject(details);
  });

  it('prints where the files are, and never the key', async () => {
    const json = await commands.runJson(['certs', 'csr', '--organisation', 'Test Bank', '--out', 'printed']);
    const files = { key: inFolder('printed', 'client.key'), csr: inFolder('printed', 'client.csr') };
    expect(json).toEqual({ keyType: 'ec-p256', files });
  });

  it.each(['client.key', 'client.csr'])('overwrites no %s, and then makes nothing', async (file) => {
    await mkdir(inFolder(`old ${file}`));
    await writeFile(inFolder(`old ${file}`, file), 'kept');
    const run = await commands.run(['certs', 'csr', '--organisation', 'Test Bank', '--out', `old ${file}`]);
    expect(run).toMatchObject({ exitCode: 5, error: expect.stringContaining('Nothing was made.') });
    expect(await readdir(inFolder(`old ${file}`))).toEqual([file]);
    expect(await readFile(inFolder(`old ${file}`, file), 'utf8')).toBe('kept');
  });

  it.each([
    ['a country in small letters', ['--organisation', 'X', '--country', 'ee']],
    ['a country that is none', ['--organisation', 'X', '--country', 'EST']],
    ['an empty organisation', ['--organisation', ' ']],
    ['an organisation that is too long', ['--organisation', 'x'.repeat(65)]],
    ['another kind of key', ['--organisation', 'X', '--key-type', 'rsa-1024']],
    ['no organisation', []],
  ])('ends with 2 for %s', async (_case, words) => {
    expect((await commands.run(['certs', 'csr', '--out', 'wrong', ...words])).exitCode).toBe(2);
    expect(await readdir(commands.workingDirectory)).not.toContain('wrong');
  });
});

describe('certs issue', () => {
  it('prints a certificate for the key of the request, with its chain', async () => {
    const { id } = await commands.createClient();
    const folder = await aKey();
    const { exitCode, out } = await commands.run([
      'certs',
      'issue',
      id,
      '--name',
      'printed',
      '--csr',
      join(folder, 'client.csr'),
    ]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^Certificate +crt_/m);
    const pem = out.slice(out.indexOf('-----BEGIN'));
    const certificate = new X509Certificate(pem);
    expect(certificate.subject).toContain(`CN=${id}`);
    expect(certificate.checkPrivateKey(createPrivateKey(await readFile(inFolder(folder, 'client.key'))))).toBe(true);
    expect(pem.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
  });

  it('reads the request from standard input and writes the chain to a new file', async () => {
    const { id } = await commands.createClient();
    const folder = await aKey();
    const csr = await readFile(inFolder(folder, 'client.csr'), 'utf8');
    const out = join(folder, 'client.pem');
    const words = ['certs', 'issue', id, '--name', 'piped', '--csr', '-', '--out', out];
    const run = await commands.run(words, { readInput: () => Promise.resolve(csr) });
    expect(run.exitCode).toBe(0);
    expect(run.out).not.toContain('BEGIN');
    expect(new X509Certificate(await readFile(inFolder(out))).subject).toContain(`CN=${id}`);
  });

  it('ends with 5 for a name that is taken and leaves no file', async () => {
    const { clientId, folder } = await aCertificate();
    const words = ['certs', 'issue', clientId, '--name', 'first', '--csr', join(folder, 'client.csr')];
    const run = await commands.run([...words, '--out', join(folder, 'second.pem'), '--json']);
    expect(run.exitCode).toBe(5);
    expect(JSON.parse(run.error)).toMatchObject({ error: { code: 'certificate_name_taken' } });
    expect(await readdir(inFolder(folder))).not.toContain('second.pem');
  });

  it('ends with 5 when the file is there, and issues nothing', async () => {
    const { clientId, folder } = await aCertificate();
    const words = ['certs', 'issue', clientId, '--name', 'second', '--csr', join(folder, 'client.csr')];
    const run = await commands.run([...words, '--out', join(folder, 'client.key')]);
    expect(run).toMatchObject({ exitCode: 5, error: expect.stringContaining('No certificate was made.') });
    expect(
      (await commands.runJson<{ certificates: unknown[] }>(['certs', 'list', '--client', clientId])).certificates,
    ).toHaveLength(1);
  });

  it('ends with 5 for a revoked client, with 4 for one that nobody has', async () => {
    const { clientId, folder } = await aCertificate();
    await commands.run(['clients', 'revoke', clientId]);
    const issueTo = (id: string) =>
      commands.run(['certs', 'issue', id, '--name', 'late', '--csr', join(folder, 'client.csr')]);
    expect((await issueTo(clientId)).exitCode).toBe(5);
    expect((await issueTo(`cli_${nobody}`)).exitCode).toBe(4);
  });

  it('ends with 2 for a request that is not signed, and says why', async () => {
    const { id } = await commands.createClient();
    const folder = await aKey();
    const pem = await readFile(inFolder(folder, 'client.csr'), 'utf8');
    const der = Buffer.from(PemConverter.decodeFirst(pem));
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    await writeFile(inFolder(folder, 'bent.csr'), PemConverter.encode(der, 'CERTIFICATE REQUEST'));
    const run = await commands.run([
      'certs',
      'issue',
      id,
      '--name',
      'bent',
      '--csr',
      join(folder, 'bent.csr'),
      '--json',
    ]);
    expect(run.exitCode).toBe(2);
    expect(JSON.parse(run.error)).toMatchObject({ error: { code: 'certificate_request_rejected' } });
  });
});

describe('certs upload', () => {
  it('registers the certificate itself', async () => {
    const { id } = await commands.createClient();
    const { pem, der } = await selfSigned();
    await writeFile(inFolder('mine.pem'), pem);
    const { certificate } = await commands.runJson<Added>([
      'certs',
      'upload',
      id,
      '--name',
      'mine',
      '--cert',
      'mine.pem',
    ]);
    expect(certificate.sha256).toBe(new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase());
    const again = await commands.run(['certs', 'upload', id, '--name', 'again', '--cert', 'mine.pem', '--json']);
    expect(again.exitCode).toBe(5);
    expect(JSON.parse(again.error)).toMatchObject({ error: { code: 'certificate_registered' } });
  });

  it('ends with 2 for a certificate that is over, and says why', async () => {
    const { id } = await commands.createClient();
    const { pem } = await selfSigned(-1);
    const readInput = () => Promise.resolve(pem);
    const run = await commands.run(['certs', 'upload', id, '--name', 'over', '--cert', '-', '--json'], { readInput });
    expect(run.exitCode).toBe(2);
    expect(JSON.parse(run.error)).toMatchObject({ error: { code: 'certificate_rejected' } });
  });
});

describe('what commands are given to read', () => {
  const commandsThatRead: readonly (readonly [name: string, words: (file: string) => string[]])[] = [
    ['certs issue', (file) => ['certs', 'issue', `cli_${nobody}`, '--name', 'x', '--csr', file]],
    ['certs upload', (file) => ['certs', 'upload', `cli_${nobody}`, '--name', 'x', '--cert', file]],
    ['certs inspect', (file) => ['certs', 'inspect', file]],
  ];

  it.each(commandsThatRead)('%s refuses a private key, sends nothing and repeats nothing', async (_name, words) => {
    const { pem, keyPem } = await selfSigned();
    const key = keyPem.split('\n')[1] ?? '';
    for (const text of [keyPem, `${pem}\n${keyPem}`, keyPem.replaceAll('\n', '\\n')]) {
      await writeFile(inFolder('secret.pem'), text);
      // Were anything sent, the answer would be 4: nobody has this client.
      const { exitCode, out, error } = await commands.run(words('secret.pem'));
      expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
      expect(error).toMatch(/NOT sent to the server.*private key.*compromised/s);
      expect(error).not.toContain(key);
    }
  });

  it.each(commandsThatRead)('%s does not repeat a private key in the place of a file name', async (_name, words) => {
    const { keyPem } = await selfSigned();
    const base64 = keyPem.split('\n').slice(1, -1).join('');
    for (const pasted of [keyPem, base64]) {
      const { exitCode, error } = await commands.run(words(pasted));
      expect(exitCode).toBe(2);
      expect(error).not.toContain(base64.slice(0, 64));
    }
  });

  it.each(commandsThatRead)(
    '%s ends with 2 for a file that is not there, empty, a folder or without end',
    async (_name, words) => {
      await writeFile(inFolder('empty.pem'), '');
      await mkdir(inFolder('folder.pem'), { recursive: true });
      expect(await commands.run(words('absent.pem'))).toMatchObject({
        exitCode: 2,
        error: expect.stringContaining('no file'),
      });
      expect(await commands.run(words('empty.pem'))).toMatchObject({
        exitCode: 2,
        error: expect.stringContaining('nothing'),
      });
      expect(await commands.run(words('folder.pem'))).toMatchObject({
        exitCode: 2,
        error: expect.stringContaining('EISDIR'),
      });
      expect(await commands.run(words('/dev/zero'))).toMatchObject({
        exitCode: 2,
        error: expect.stringContaining('KiB'),
      });
      expect(await commands.run(words('-'))).toMatchObject({
        exitCode: 2,
        error: expect.stringContaining('standard input'),
      });
    },
  );

  it('is told apart here: a request is no certificate', async () => {
    const { folder } = await aCertificate();
    const csr = join(folder, 'client.csr');
    const run = await commands.run(['certs', 'upload', `cli_${nobody}`, '--name', 'x', '--cert', csr]);
    expect(run).toMatchObject({ exitCode: 2, error: expect.stringContaining('certificate request') });
  });
});

describe('certs list', () => {
  it('lists the certificates of a client, the first to end first', async () => {
    const { clientId, certificateId } = await aCertificate();
    const { pem } = await selfSigned(50);
    const readInput = () => Promise.resolve(pem);
    await commands.run(['certs', 'upload', clientId, '--name', 'short', '--cert', '-'], { readInput });
    const { out } = await commands.run(['certs', 'list', '--client', clientId]);
    const [, short, long] = out.split('\n');
    expect(short).toMatch(/ short +2026-.* never +in force$/);
    expect(long).toContain(certificateId);

    const listed = async (...more: string[]) =>
      (
        await commands.runJson<{ certificates: { name: string }[] }>(['certs', 'list', '--client', clientId, ...more])
      ).certificates.map(({ name }) => name);
    expect(await listed('--ending-within', '51')).toEqual(['short']);
    expect(await listed('--ending-within', '49')).toEqual([]);
    expect(await listed('--environment', 'sandbox')).toEqual(['short', 'first']);
    expect(await listed('--environment', 'production')).toEqual([]);
  });

  it('lists every one, however many there are', async () => {
    const { id: clientId } = await commands.createClient('--mtls', 'off');
    const idOf = (place: number) => `crt_f${place.toString(16).padStart(31, '0')}`;
    const rows = Array.from({ length: 1_001 }, (_, place) => ({ id: idOf(place), clientId, endsInDays: place + 1 }));
    await insertCertificateRows(commands.management.database, rows);
    const words = ['certs', 'list', '--client', clientId];
    const { certificates } = await commands.runJson<{ certificates: { id: string }[] }>(words);
    expect(certificates.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect((await commands.run(words)).out.trimEnd().split('\n').at(-1)).toContain(idOf(1_000));
  });

  it('says it when there is none, and ends with 2 for days that are none', async () => {
    const { out } = await commands.run(['certs', 'list', '--client', `cli_${nobody}`]);
    expect(out).toBe('There is no such certificate.\n');
    for (const days of ['367', '-1', '1d', '']) {
      expect((await commands.run(['certs', 'list', '--ending-within', days])).exitCode).toBe(2);
    }
  });
});

describe('certs inspect', () => {
  it('shows a registered certificate by its id', async () => {
    const { clientId, certificateId, chainPem } = await aCertificate();
    const { exitCode, out } = await commands.run(['certs', 'inspect', certificateId]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^Client +${clientId} in sandbox$`, 'm'));
    expect(out).toContain('Keep, there is no newer one: not used since its uses are counted.');
    const shown = new X509Certificate(out.slice(out.indexOf('-----BEGIN')));
    expect(shown.raw.equals(new X509Certificate(chainPem).raw)).toBe(true);
    const json = await commands.runJson(['certs', 'inspect', certificateId]);
    expect(json).toMatchObject({ certificate: { id: certificateId, clientId } });
    expect((await commands.run(['certs', 'inspect', certificateId, '--client', clientId])).exitCode).toBe(2);
    expect((await commands.run(['certs', 'inspect', `crt_${nobody}`])).exitCode).toBe(4);
  });

  it('asks the server whether a certificate is registered, and ends with 3 for one that would be refused', async () => {
    const { clientId, chainPem, certificateId } = await aCertificate();
    const { id: otherId } = await commands.createClient('--mtls', 'off');
    await writeFile(inFolder('registered.pem'), chainPem);
    const json = await commands.runJson(['certs', 'inspect', 'registered.pem', '--client', clientId]);
    expect(json).toMatchObject({ accepted: true, lookedUp: true, registrations: [{ certificateId, clientId }] });

    const ofOther = await commands.run(['certs', 'inspect', 'registered.pem', '--client', otherId]);
    expect(ofOther).toMatchObject({ exitCode: 3, out: expect.stringMatching(/^no {2}registered/m) });
    await commands.run(['certs', 'revoke', certificateId]);
    const revoked = await commands.run(['certs', 'inspect', 'registered.pem']);
    expect(revoked).toMatchObject({ exitCode: 3, out: expect.stringContaining('certificate_revoked') });
    expect((await commands.run(['certs', 'inspect', 'registered.pem', '--client', 'me'])).exitCode).toBe(2);
  });

  it('explains offline when no server runs, and says that it was not asked', async () => {
    const { pem } = await selfSigned();
    const { workingDirectory, management } = commands;
    await writeFile(inFolder('offline.pem'), pem);
    const clock = () => management.time.now;
    const { out } = await runCli(['certs', 'inspect', 'offline.pem'], { workingDirectory, clock });
    expect(out).toContain('not looked up');
    expect(out).toMatch(/^Subject +CN=worker$/m);
    const json = await runCli(['certs', 'inspect', 'offline.pem', '--json'], { workingDirectory, clock });
    expect(JSON.parse(json.out)).toMatchObject({ kind: 'certificate', lookedUp: false });
  });

  it('explains a certificate request, and ends with 3 for one that would not be signed', async () => {
    const { workingDirectory } = commands;
    const folder = await aKey();
    const good = await runCli(['certs', 'inspect', join(folder, 'client.csr')], { workingDirectory });
    expect(good).toMatchObject({ exitCode: 0, out: expect.stringContaining('would be signed') });
    await writeFile(inFolder('over.pem'), (await selfSigned(-1)).pem);
    const over = await runCli(['certs', 'inspect', 'over.pem'], { workingDirectory });
    expect(over).toMatchObject({ exitCode: 3, out: expect.stringMatching(/^no {2}validity/m) });
  });

  it('tells which certificates are in a chain', async () => {
    const { workingDirectory } = commands;
    const { chainPem } = await aCertificate();
    await writeFile(inFolder('chain.pem'), chainPem);
    const { out } = await runCli(['certs', 'inspect', 'chain.pem'], { workingDirectory });
    expect(out).toMatch(/^Chain, number 2 +.*Partner Issuing CA/m);
  });
});

describe('certs platform', () => {
  it('prints the chain with fingerprints and end dates', async () => {
    const { exitCode, out } = await commands.run(['certs', 'platform', '--environment', 'sandbox']);
    expect(exitCode).toBe(0);
    const pems = out.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    const [root, issuing] = pems.map((pem) => new X509Certificate(pem));
    expect(pems).toHaveLength(2);
    expect(root !== undefined && issuing?.verify(root.publicKey)).toBe(true);
    for (const certificate of [root, issuing]) {
      expect(out).toContain(certificate?.fingerprint256);
      expect(out).toContain(new Date(certificate?.validTo ?? '').toISOString());
    }
    const json = await commands.runJson(['certs', 'platform', '--environment', 'production']);
    expect(json).toMatchObject({ environment: 'production', certificates: [{ role: 'root' }, { role: 'issuing' }] });
  });

  it('writes the root alone into a new file', async () => {
    const words = ['certs', 'platform', '--environment', 'sandbox', '--out', 'root.pem'];
    const { out } = await commands.run(words);
    expect(out).not.toContain('BEGIN');
    const text = await readFile(inFolder('root.pem'), 'utf8');
    const root = new X509Certificate(text);
    expect([text.match(/BEGIN/g)?.length, root.checkIssued(root)]).toEqual([1, true]);
    expect(out).toContain(root.fingerprint256);
    expect((await commands.run(words)).exitCode).toBe(5);
  });

  it('wants an environment', async () => {
    expect((await commands.run(['certs', 'platform'])).exitCode).toBe(2);
  });
});

describe('certs pause, resume and revoke', () => {
  it('pause and resume are shown with the client', async () => {
    const { clientId, certificateId } = await aCertificate();
    const pausedUntil = new Date(commands.management.time.now + 30_000).toISOString();
    const paused = await commands.runJson(['certs', 'pause', certificateId, '--for', '30s']);
    expect(paused).toEqual({ id: certificateId, pausedUntil });
    expect((await commands.run(['clients', 'show', clientId])).out).toContain(`paused until ${pausedUntil}`);
    expect((await commands.run(['certs', 'resume', certificateId])).out).toContain('not paused any more');
    expect((await commands.run(['clients', 'show', clientId])).out).not.toContain('paused');
  });

  it('revoke with --safe-after revokes what nobody uses', async () => {
    const { certificateId } = await aCertificate();
    const words = ['certs', 'revoke', certificateId, '--safe-after', '24h'];
    const early = await commands.run(words);
    expect(early).toMatchObject({ exitCode: 5, out: '', error: expect.stringContaining('Nothing was changed') });
    await commands.management.passTime(dayMs);
    const run = await commands.run(words);
    expect(run).toMatchObject({ exitCode: 0, out: expect.stringContaining('is revoked') });
    expect(await commands.runJson(['certs', 'revoke', certificateId])).toEqual({
      id: certificateId,
      alreadyRevoked: true,
    });
  });

  it('pause ends with 5 for one that is revoked', async () => {
    const { certificateId } = await aCertificate();
    await commands.run(['certs', 'revoke', certificateId]);
    const { exitCode, error } = await commands.run(['certs', 'pause', certificateId, '--for', '1m']);
    expect({ exitCode, error }).toEqual({ exitCode: 5, error: expect.stringContaining('nothing to pause') });
  });

  it.each([
    ['revoke', []],
    ['resume', []],
    ['pause', ['--for', '1m']],
  ])('%s ends with 4 for a certificate that nobody has', async (verb, more) => {
    expect((await commands.run(['certs', verb, `crt_${nobody}`, ...more])).exitCode).toBe(4);
  });
});
