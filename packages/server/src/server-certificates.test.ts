// What the listeners show when files and authorities change: the files are real, as secrets in a container are.

import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@tollward/protocol/pem';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AuthorityGeneration } from './certificates/authority-store.js';
import { createAuthority } from './certificates/certificate-authority.js';
import type { Authorities } from './certificates/index.js';
import { createKeyPair } from './certificates/key-pair.js';
import { signServerCertificate } from './certificates/sign-server-certificate.js';
import { type Settings, settingsSchema } from './platform/config/settings.js';
import { createLog } from './platform/observability/log.js';
import { openServerCertificates } from './server-certificates.js';
import { someTime } from './testing/facts.js';

const dayMs = 86_400_000;

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

let platform: AuthorityGeneration;
beforeAll(async () => {
  platform = await aGeneration('aut_1');
});

async function aGeneration(id: string): Promise<AuthorityGeneration> {
  const terms = { environment: 'sandbox', kind: 'platform' } as const;
  const times = { createdAt: someTime, activeFrom: someTime, endsAt: someTime + 3_652 * dayMs };
  return { ...(await createAuthority({ ...terms, now: someTime })), ...terms, id, ...times };
}

async function aPair(hosts: readonly string[] = ['api.example.com'], now = someTime): Promise<Pair> {
  const { chainPem, keyPem } = await signServerCertificate({ authority: platform, hosts, now });
  return { certificate: chainPem.trim(), key: keyPem.trim() };
}

function authoritiesWith(active: () => AuthorityGeneration): Authorities {
  return {
    of: () => ({ partner: active, platform: active, published: () => [active()] }),
    keys: [],
  };
}

async function openWith(
  changes: Partial<Settings>,
  files: Parameters<typeof openServerCertificates>[0]['files'] = {},
  active: () => AuthorityGeneration = () => platform,
  now = someTime,
) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('info', { write: (line) => void lines.push(JSON.parse(line)) });
  const settings = settingsSchema.parse(changes);
  const authorities = authoritiesWith(active);
  const certificates = await openServerCertificates(
    { settings, files, environments: ['sandbox'], authorities, log },
    now,
  );
  const shown = (): string => certificates.of('sandbox').chainPem.trim();
  const refused: { reason?: string } = {};
  const refresh = (at: number): Promise<readonly string[]> =>
    certificates.refresh(at, () => {
      if (refused.reason !== undefined) throw new Error(refused.reason);
    });
  return {
    certificates,
    refresh,
    refused,
    shown,
    logged: (level: string) => lines.filter((line) => line['level'] === level),
  };
}

describe('a server certificate in files', () => {
  async function inFiles(first: Pair) {
    const folder = await mkdtemp(join(tmpdir(), 'tollward-server-certificate-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [certificateFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    const write = async ({ certificate, key }: Pair): Promise<void> => {
      await writeFile(certificateFile, `${certificate}\n`);
      await writeFile(keyFile, `${key}\n`);
    };
    await write(first);
    const settings = { sandboxServerCertificate: first.certificate, sandboxServerKey: first.key };
    const urls = { sandboxApiUrl: 'https://api.example.com', sandboxMtlsUrl: 'https://api.example.com:8444' };
    const files = { sandboxServerCertificate: certificateFile, sandboxServerKey: keyFile };
    return { folder, certificateFile, keyFile, write, ...(await openWith({ ...settings, ...urls }, files)) };
  }

  test('[AUT-15] is shown from the next look on when both files hold another one', async () => {
    const [first, second] = [await aPair(), await aPair()];
    const { certificates, refresh, shown, write, logged } = await inFiles(first);
    expect([shown(), certificates.of('sandbox').brought]).toEqual([first.certificate, true]);
    expect(await refresh(someTime)).toEqual([]);
    await write(second);
    expect(await refresh(someTime)).toEqual(['sandbox']);
    expect(shown()).toBe(second.certificate);
    expect(await refresh(someTime)).toEqual([]);
    expect([logged('warn'), logged('error')]).toEqual([[], []]);
  });

  test('[AUT-16] half a change keeps the one before, and is told once', async () => {
    const [first, second] = [await aPair(), await aPair()];
    const { refresh, shown, certificateFile, keyFile, write, logged } = await inFiles(first);
    const halves = [
      [second.certificate, first.key],
      [second.certificate.slice(0, 200), second.key],
      ['', second.key],
    ] as const;
    for (const [index, [certificate, key]] of halves.entries()) {
      await writeFile(certificateFile, certificate);
      await writeFile(keyFile, key);
      for (let look = 0; look < 3; look += 1) expect(await refresh(someTime)).toEqual([]);
      expect([shown(), logged('error').length]).toEqual([first.certificate, index + 1]);
    }
    expect(JSON.stringify(logged('error'))).not.toContain(second.key.slice(40, 80));
    await rm(keyFile);
    expect(await refresh(someTime)).toEqual([]);
    expect(logged('error').at(-1)).toMatchObject({ problem: `the file ${keyFile} can not be read (ENOENT)` });
    await write(second);
    expect(await refresh(someTime)).toEqual(['sandbox']);
    expect(shown()).toBe(second.certificate);
  });

  test('[AUT-17] a change of the symbolic link above the files is seen, as Kubernetes makes it', async () => {
    const [first, second] = [await aPair(), await aPair()];
    const folder = await mkdtemp(join(tmpdir(), 'tollward-server-certificate-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const put = async (version: string, { certificate, key }: Pair): Promise<void> => {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'tls.crt'), certificate);
      await writeFile(join(folder, version, 'tls.key'), key);
      await symlink(version, join(folder, `link to ${version}`));
      await rename(join(folder, `link to ${version}`), join(folder, 'current'));
    };
    await put('1', first);
    const files = {
      sandboxServerCertificate: join(folder, 'current', 'tls.crt'),
      sandboxServerKey: join(folder, 'current', 'tls.key'),
    };
    const settings = { sandboxServerCertificate: first.certificate, sandboxServerKey: first.key };
    const { refresh, shown } = await openWith(settings, files);
    await put('2', second);
    expect(await refresh(someTime)).toEqual(['sandbox']);
    expect(shown()).toBe(second.certificate);
  });

  test('one that is over is not taken, and one that is not valid yet is taken when it is', async () => {
    const first = await aPair();
    const { refresh, shown, write, logged } = await inFiles(first);
    await write(await aPair(undefined, someTime - 400 * dayMs));
    expect(await refresh(someTime)).toEqual([]);
    const later = await aPair(undefined, someTime + dayMs);
    await write(later);
    expect(await refresh(someTime)).toEqual([]);
    expect(shown()).toBe(first.certificate);
    expect(logged('error').map(({ problem }) => problem)).toEqual(Array(2).fill('it is over or not valid yet'));
    expect(await refresh(someTime + dayMs)).toEqual(['sandbox']);
    expect(shown()).toBe(later.certificate);
  });

  test('[AUT-18] one that loses a host of the public URLs is not taken, and is told once with the host', async () => {
    const first = await aPair(['api.example.com', 'old.example.com']);
    const { refresh, shown, write, logged } = await inFiles(first);
    await write(await aPair(['else.example.com']));
    for (let look = 0; look < 3; look += 1) expect(await refresh(someTime)).toEqual([]);
    expect(shown()).toBe(first.certificate);
    expect(logged('error').map(({ problem }) => problem)).toEqual([
      'it is not good for api.example.com, which the one before is good for',
    ]);
    const good = await aPair(['api.example.com']);
    await write(good);
    expect(await refresh(someTime)).toEqual(['sandbox']);
    expect(shown()).toBe(good.certificate);
  });

  test('[AUT-18] one that is not good for a public URL follows one that was not either, or that is over', async () => {
    const elsewhere = await inFiles(await aPair(['else.example.com']));
    await elsewhere.write(await aPair(['another.example.com']));
    expect(await elsewhere.refresh(someTime)).toEqual(['sandbox']);

    const over = await inFiles(await aPair());
    const much = someTime + 400 * dayMs;
    await over.write(await aPair(['else.example.com'], much));
    expect(await over.refresh(much)).toEqual(['sandbox']);
  });

  test('one that OpenSSL refuses is not told of as shown, and is tried again with the next look', async () => {
    const [first, second] = [await aPair(), await aPair()];
    const { refresh, refused, shown, write, logged } = await inFiles(first);
    await write(second);
    refused.reason = 'ca md too weak';
    for (let look = 0; look < 3; look += 1) expect(await refresh(someTime)).toEqual([]);
    expect(shown()).toBe(first.certificate);
    expect(logged('error').map(({ problem }) => problem)).toEqual(['OpenSSL refuses it (ca md too weak)']);
    expect(logged('info')).toHaveLength(1);
    delete refused.reason;
    expect(await refresh(someTime)).toEqual(['sandbox']);
    expect(shown()).toBe(second.certificate);
  });

  test('[AUT-18] a certificate that is not good for a public URL is shown, with a warning that names the host', async () => {
    const { logged } = await inFiles(await aPair(['else.example.com']));
    expect(logged('warn')).toEqual([expect.objectContaining({ hosts: ['api.example.com'] })]);
  });
});

describe('a server certificate of the settings', () => {
  test('that can not be used ends the start, and one whose time is over does not', async () => {
    const pair = await aPair();
    const { privateKeyPkcs8 } = await createKeyPair('ec-p256');
    const another = encodePem('PRIVATE KEY', privateKeyPkcs8);
    await expect(openWith({ sandboxServerCertificate: pair.certificate, sandboxServerKey: another })).rejects.toThrow(
      'The server certificate of sandbox can not be used: the key does not belong to the first certificate.',
    );
    const settings = { sandboxServerCertificate: pair.certificate, sandboxServerKey: pair.key };
    const { logged } = await openWith(settings, {}, () => platform, someTime + 400 * dayMs);
    expect(logged('error').map(({ msg }) => msg)).toEqual([
      'the server certificate is over or not valid yet: put its successor into TOLLWARD_SANDBOX_SERVER_CERTIFICATE and TOLLWARD_SANDBOX_SERVER_KEY',
    ]);
  });
});

describe('a server certificate by the platform authority', () => {
  const leafOf = (chain: string) => new X509Certificate(chain);

  test('[AUT-19] is for the hosts of the public URLs, and for this machine where there is none', async () => {
    const both = { sandboxApiUrl: 'https://api.example.com:444', sandboxMtlsUrl: 'https://[2001:db8::7]' };
    expect(leafOf((await openWith(both)).shown()).subjectAltName).toBe(
      'DNS:api.example.com, IP Address:2001:DB8:0:0:0:0:0:7',
    );
    expect(leafOf((await openWith({})).shown()).subjectAltName).toBe(
      'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    );
  });

  test('[AUT-20] is made anew before its end is announced, and when another authority takes over', async () => {
    let active = platform;
    const { refresh, refused, shown } = await openWith({}, {}, () => active);
    const first = shown();
    const due = Date.parse(leafOf(first).validTo) - 31 * dayMs;
    expect(await refresh(due)).toEqual([]);
    refused.reason = 'a fault';
    await expect(refresh(due + 1)).rejects.toThrow('a fault');
    expect(shown()).toBe(first);
    delete refused.reason;
    expect(await refresh(due + 1)).toEqual(['sandbox']);
    expect(shown()).not.toBe(first);
    expect(await refresh(due + 1)).toEqual([]);

    active = await aGeneration('aut_2');
    expect(await refresh(due + 1)).toEqual(['sandbox']);
    expect(leafOf(shown()).verify(leafOf(active.issuingCertificatePem).publicKey)).toBe(true);
  });

  test('is not made again and again at the end of its authority, which it can not outlive', async () => {
    const lastDays = platform.endsAt - 5 * dayMs;
    const { refresh } = await openWith({}, {}, () => platform, lastDays);
    expect(await refresh(lastDays + dayMs)).toEqual([]);
  });
});
