// Which authorities an installation has: its own, made once, or those that the operator brings; and how one follows another.

import { X509Certificate } from 'node:crypto';
import { encodePem } from '@tollward/protocol/pem';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../platform/keys/rotatable-key.js';
import { createRandomPool } from '../platform/random.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { type Authorities, openAuthorities } from './authorities.js';
import { type BroughtAuthority, parseBroughtAuthority } from './brought-authority.js';
import { createAuthority } from './certificate-authority.js';
import { platformRoots } from './platform-chain.js';

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;
const now = Date.UTC(2026, 8, 14, 12);
const random = createRandomPool();

function secretOf(byte: number): SecretValue {
  return new SecretValue(Buffer.alloc(32, byte).toString('base64'));
}
const masterKey = createMasterKey(secretOf(1));

async function aBroughtAuthority(environment: 'sandbox' | 'production'): Promise<BroughtAuthority> {
  const { issuingCertificatePem, issuingKeyPkcs8 } = await createAuthority({ environment, kind: 'partner', now });
  const keyPem = encodePem('PRIVATE KEY', issuingKeyPkcs8);
  const parsed = await parseBroughtAuthority({ certificatePem: issuingCertificatePem, keyPem });
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.authority;
}

function keyOf(authorities: Authorities, kind: 'partner-ca' | 'platform-ca'): RotatableKey {
  const key = authorities.keys.find((one) => one.kind === kind);
  if (key === undefined) throw new Error(`there is no ${kind}`);
  return key;
}

function platformOf(authorities: Authorities, at: number): string {
  return authorities.of('sandbox').platform(at).rootCertificatePem;
}

function partnerOf(authorities: Authorities, at: number): string {
  return authorities.of('sandbox').partner(at).issuingCertificatePem;
}

function publishedIn(authorities: Authorities, at: number): string {
  return platformRoots(authorities.of('sandbox'), at);
}

function statesIn(keys: readonly KeyDescription[]): string[] {
  return keys.map(({ environment, state }) => `${environment} ${state}`);
}

describeOnEachEngine('authorities', (open) => {
  let database: Database;
  /** How many entries the audit had before the test. */
  let entriesBefore: number;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await database.transaction((tx) => tx.deleteFrom('certificate_authorities').execute());
    entriesBefore = (await entries()).length;
  });
  const entries = () =>
    database.read((tx) => tx.selectFrom('audit_entries').selectAll().orderBy('transaction_id').execute());
  const openOwn = (at = now): Promise<Authorities> => openAuthorities(database, masterKey, at, random);
  const rows = () =>
    database.read((tx) =>
      tx
        .selectFrom('certificate_authorities')
        .select(['environment', 'kind'])
        .orderBy('environment')
        .orderBy('kind')
        .orderBy('active_from')
        .execute(),
    );
  const auditOf = async (action: string): Promise<unknown[]> => {
    const made = (await entries()).slice(entriesBefore).filter((entry) => entry.action === action);
    return made.map(({ environment, actor, subject }) => [environment, actor, subject].join(' '));
  };

  test('[AUT-01] are made once, whoever starts first, and are the same at every start', async () => {
    const nodes = await Promise.all([openOwn(), openOwn(), openOwn()]);
    expect(await rows()).toHaveLength(4);
    for (const environment of ['sandbox', 'production'] as const) {
      const [first, ...others] = nodes.map((node) => node.of(environment));
      for (const other of others) {
        expect(other.partner(now)).toEqual(first?.partner(now));
        expect(other.platform(now)).toEqual(first?.platform(now));
      }
    }
    expect((await auditOf('certificate_authority.created')).sort()).toEqual([
      'production tollward partner',
      'production tollward platform',
      'sandbox tollward partner',
      'sandbox tollward platform',
    ]);
  });

  test('one that the version before made is the first of its kind', async () => {
    const before = await openOwn();
    const stored = await database.read((tx) => tx.selectFrom('certificate_authorities').selectAll().execute());
    await database.transaction(async (tx) => {
      await tx.deleteFrom('certificate_authorities').execute();
      for (const { id: _, active_from: __, ...columns } of stored) {
        await tx.insertInto('certificate_authorities').values(columns).execute();
      }
    });
    const after = await openOwn();
    expect(await rows()).toHaveLength(4);
    expect(publishedIn(after, now)).toBe(publishedIn(before, now));
    expect(partnerOf(after, now)).toBe(partnerOf(before, now));
  });

  test('a brought partner authority is used, and none is made in its place until it is gone', async () => {
    const production = await aBroughtAuthority('production');
    const opened = await openAuthorities(database, masterKey, now, random, { production });
    expect(opened.of('production').partner(now)).toBe(production);
    expect(await rows()).toEqual([
      { environment: 'production', kind: 'platform' },
      { environment: 'sandbox', kind: 'partner' },
      { environment: 'sandbox', kind: 'platform' },
    ]);

    const without = await openOwn();
    const own = without.of('production').partner(now);
    expect(own.issuingCertificatePem).not.toBe(production.issuingCertificatePem);
    expect(without.of('sandbox').partner(now)).toEqual(opened.of('sandbox').partner(now));
    expect(await rows()).toHaveLength(4);

    const again = await openAuthorities(database, masterKey, now, random, { production });
    expect(again.of('production').partner(now)).toBe(production);
    expect((await openOwn()).of('production').partner(now)).toEqual(own);
  });

  test('[AUT-02] a rotated partner authority signs at once, and the one of the other environment is as it was', async () => {
    const [here, elsewhere] = [await openOwn(), await openOwn()];
    const before = partnerOf(here, now);
    const production = here.of('production').partner(now);
    const at = now + dayMs;
    const listed = await keyOf(here, 'partner-ca').rotate({ environment: 'sandbox' }, at);
    expect(statesIn(listed)).toEqual(['sandbox retired', 'sandbox active']);
    // What the one before signed lasts a year at most.
    expect(listed[0]).toMatchObject({ activeUntil: at, readableUntil: at + yearMs });
    const after = partnerOf(here, at);
    expect(after).not.toBe(before);
    expect(here.of('production').partner(at)).toEqual(production);

    expect(partnerOf(elsewhere, at)).toBe(before);
    await keyOf(elsewhere, 'partner-ca').reload();
    expect(partnerOf(elsewhere, at)).toBe(after);
    expect(partnerOf(await openOwn(at), at)).toBe(after);
    expect(await auditOf('certificate_authority.created')).toContain('sandbox operator partner');
  });

  test('[AUT-03] a rotated platform authority is published at once, and used from 30 days later', async () => {
    const authorities = await openOwn();
    const old = platformOf(authorities, now);
    expect(publishedIn(authorities, now)).toBe(old);
    const [, , first, second] = await keyOf(authorities, 'platform-ca').rotate({}, now);
    expect([first?.state, second?.state]).toEqual(['active', 'next']);
    const start = now + 30 * dayMs;
    expect(platformOf(authorities, start - 1)).toBe(old);
    const next = platformOf(authorities, start);
    expect(next).not.toBe(old);

    // Both, the old one first, until the old one has been out of use for 90 days.
    const overlapEnd = start + 90 * dayMs;
    for (const at of [now, start - 1, start, overlapEnd - 1]) expect(publishedIn(authorities, at)).toBe(old + next);
    expect(publishedIn(authorities, overlapEnd)).toBe(next);
    expect(new X509Certificate(next).subject).toBe('O=Tollward\nCN=Tollward Sandbox Platform Root CA 2026-09-14');
  });

  test('[AUT-04] there is one next authority: asked for sooner it comes sooner, asked for again is a conflict', async () => {
    const authorities = await openOwn();
    const key = keyOf(authorities, 'platform-ca');
    const sandbox = { environment: 'sandbox' } as const;
    await key.rotate(sandbox, now);
    const published = publishedIn(authorities, now);
    const again = key.rotate(sandbox, now + 1);
    await expect(again).rejects.toThrow(KeyConflictError);
    await expect(again).rejects.toThrow(/is published already and used from 2026-10-14T12:00:00.000Z on/);

    const at = now + dayMs;
    await key.rotate({ ...sandbox, publishSeconds: 3_600 }, at);
    expect(publishedIn(authorities, at)).toBe(published);
    expect(platformOf(authorities, at + 3_600_000 - 1)).not.toBe(platformOf(authorities, at + 3_600_000));
    expect(await auditOf('certificate_authority.brought_forward')).toEqual(['sandbox operator platform']);
  });

  test('[AUT-05] a brought authority is not rotated, and then neither is that of the other environment', async () => {
    const sandbox = await aBroughtAuthority('sandbox');
    const authorities = await openAuthorities(database, masterKey, now, random, { sandbox });
    const key = keyOf(authorities, 'partner-ca');
    const before = await rows();
    for (const request of [{}, { environment: 'sandbox' }] as const) {
      const rotated = key.rotate(request, now);
      await expect(rotated).rejects.toThrow(KeyConflictError);
      await expect(rotated).rejects.toThrow(/partner authority of sandbox comes from the settings/);
    }
    expect(await rows()).toEqual(before);
    const inTenYears = now + 10 * yearMs;
    await key.maintain(inTenYears);
    expect((await key.list(inTenYears)).filter(({ environment }) => environment === 'sandbox')).toEqual([
      expect.objectContaining({ state: 'active', id: expect.stringMatching(/^brought [0-9a-f]{16}$/) }),
    ]);
    expect(statesIn(await key.rotate({ environment: 'production' }, inTenYears + 1))).toContain('production active');
  });

  test('[AUT-06] the next one is made a year before the end, once by all nodes, and what is worth nothing is deleted', async () => {
    const nodes = [await openOwn(), await openOwn(), await openOwn()];
    const maintain = async (at: number): Promise<void> => {
      await Promise.all(nodes.flatMap(({ keys }) => keys.map((key) => key.maintain(at))));
      for (const { keys } of nodes) for (const key of keys) await key.reload();
    };
    const [authorities] = nodes;
    if (authorities === undefined) throw new Error('there is no node');
    const old = platformOf(authorities, now);
    const due = now + 3_652 * dayMs - yearMs;
    await maintain(due - 1);
    expect(await rows()).toHaveLength(4);

    await maintain(due);
    expect(await rows()).toHaveLength(8);
    expect(statesIn(await keyOf(authorities, 'partner-ca').list(due))).toEqual([
      ...['sandbox retired', 'sandbox active'],
      ...['production retired', 'production active'],
    ]);
    const start = due + 30 * dayMs;
    expect(platformOf(authorities, start - 1)).toBe(old);
    for (const node of nodes) expect(platformOf(node, start)).not.toBe(old);

    await maintain(start + 90 * dayMs - 1);
    expect(await rows()).toHaveLength(8);
    await maintain(start + 90 * dayMs);
    expect((await rows()).filter(({ kind }) => kind === 'platform')).toHaveLength(2);
    await maintain(due + yearMs);
    expect(await rows()).toHaveLength(4);
  });

  test('[AUT-07] are sealed anew under another master key, those of before the rotation too', async () => {
    const before = await openOwn();
    const key = keyOf(before, 'platform-ca');
    await key.rotate({ environment: 'sandbox' }, now);
    const both = createMasterKey(secretOf(2), secretOf(1));
    // A root and an issuing key of each.
    expect(await key.reseal(both)).toBe(6);
    expect(await key.reseal(both)).toBe(0);
    expect(await keyOf(before, 'partner-ca').reseal(both)).toBe(4);
    const after = await openAuthorities(database, createMasterKey(secretOf(2)), now, random);
    expect(after.of('sandbox').platform(now)).toEqual(before.of('sandbox').platform(now));
    expect(publishedIn(after, now)).toBe(publishedIn(before, now));
  });
});
