// Creating, showing and revoking a client, on both engines.

import { parseSecret } from '@tollward/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type AcceptedCsr,
  type Authorities,
  createClientKeyAndCsr,
  decideCsr,
  openAuthorities,
} from '../certificates/index.js';
import type { Database } from '../platform/database/database.js';
import { type HmacKeyring, openHmacKeyring } from '../platform/keys/hmac-keyring.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { createRandomPool } from '../platform/random.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime, someUsage } from '../testing/facts.js';
import { loadClientFacts } from './client-facts-store.js';
import { type CreateClient, type CreateClientDependencies, createClient } from './create-client.js';
import { revokeClient } from './revoke-client.js';
import { listClients, showClient } from './show-clients.js';

const random = createRandomPool();

const judged = { now: someTime, quietSeconds: 86_400 };

describeOnEachEngine('clients', (open) => {
  let database: Database;
  let authorities: Authorities;
  let hmacKeys: HmacKeyring;
  let dependencies: CreateClientDependencies;
  beforeAll(async () => {
    database = await open();
    const masterKey = createMasterKey(new SecretValue(Buffer.alloc(32, 1).toString('base64')));
    authorities = await openAuthorities(database, masterKey, someTime, random);
    hmacKeys = await openHmacKeyring(database, masterKey, someTime);
    dependencies = { database, hmacKeys, authorities, random };
  });

  const create = async (changes: Partial<CreateClient> & { readonly name: string }) => {
    const command = {
      environment: 'sandbox',
      organisationName: 'Example',
      policy: {},
      actor: 'operator',
    } as const;
    return createClient({ ...command, ...changes }, someTime, dependencies);
  };
  const made = async (changes: Partial<CreateClient> & { readonly name: string }) => {
    const created = await create(changes);
    if (!created.ok) throw new Error(created.problem);
    return created;
  };
  const actionsAbout = async (id: string): Promise<string[]> => {
    const rows = await database.read((tx) =>
      tx.selectFrom('audit_entries').select(['action', 'subject', 'entry']).orderBy('id').execute(),
    );
    return rows.filter((row) => row.entry.includes(id)).map((row) => row.action);
  };
  const countRows = (table: 'clients' | 'client_secrets' | 'audit_entries' | 'organisations') =>
    database.read(async (tx) => (await tx.selectFrom(table).select('id').execute()).length);

  describe('creating one', () => {
    test('gives a secret of its environment and stores nothing but its keyed hash', async () => {
      const { clientId, secret } = await made({ name: 'hash only', environment: 'production' });
      const text = secret.reveal();
      expect(parseSecret(text)).toEqual({ ok: true, environment: 'production', kind: 'cs' });
      const facts = await database.read((tx) => loadClientFacts(tx, 'production', clientId, someTime));
      expect(facts?.secrets).toHaveLength(1);
      expect(facts?.secrets[0]?.hash.equals(hmacKeys.hash('production', 1, text))).toBe(true);

      const dump = await database.read(async (tx) => {
        const tables = ['clients', 'client_secrets', 'audit_entries', 'organisations'] as const;
        return Promise.all(tables.map((table) => tx.selectFrom(table).selectAll().execute()));
      });
      const everything = JSON.stringify(dump, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      expect(everything).not.toContain(text.slice(11, 40));
      expect(everything).toContain(text.slice(-4));
    });

    test('writes an entry for the client and one for the secret, without the secret', async () => {
      const { clientId, secret } = await made({ name: 'audited' });
      expect(await actionsAbout(clientId)).toEqual(expect.arrayContaining(['client.created', 'secret.created']));
      expect(await actionsAbout(clientId)).toHaveLength(2);
      expect(await actionsAbout(secret.reveal())).toEqual([]);
    });

    test('registers a certificate when a request came along, with its own entry', async () => {
      const decided = await decideCsr((await createClientKeyAndCsr({ organisation: 'Example' })).csrPem);
      if (!decided.ok) throw new Error(decided.remedy);
      const { clientId, certificate } = await made({ name: 'with certificate', csr: decided.csr });
      const facts = await database.read((tx) => loadClientFacts(tx, 'sandbox', clientId, someTime));
      expect([...(facts?.certificates.keys() ?? [])]).toEqual([certificate?.thumbprint]);
      expect(await actionsAbout(clientId)).toContain('certificate.issued');
    });

    test('leaves no trace when the name is taken in this organisation and environment', async () => {
      await made({ name: 'taken' });
      const before = [await countRows('clients'), await countRows('client_secrets'), await countRows('audit_entries')];
      expect(await create({ name: 'taken' })).toEqual({ ok: false, problem: 'name-taken' });
      expect([await countRows('clients'), await countRows('client_secrets'), await countRows('audit_entries')]).toEqual(
        before,
      );
      expect(await create({ name: 'taken', environment: 'production' })).toMatchObject({ ok: true });
      expect(await create({ name: 'taken', organisationName: 'Another' })).toMatchObject({ ok: true });
    });

    test.each([0, 1])(
      'leaves no trace when a brought authority has to sign for it and is not valid, %i',
      async (over) => {
        const decided = await decideCsr((await createClientKeyAndCsr({ organisation: 'Example' })).csrPem);
        if (!decided.ok) throw new Error(decided.remedy);
        const validity =
          over === 1 ? { notBefore: 0, notAfter: someTime } : { notBefore: someTime + 1, notAfter: Infinity };
        const partner = { ...authorities.of('sandbox').partner(someTime), validity };
        const sandbox = { ...authorities.of('sandbox'), partner: () => partner };
        const brought = { ...authorities, of: () => sandbox };
        const tables = ['organisations', 'clients', 'client_secrets', 'audit_entries'] as const;
        const before = await Promise.all(tables.map(countRows));
        const command = { environment: 'sandbox', organisationName: 'New', policy: {}, actor: 'operator' } as const;
        const createWith = (changes: { name: string; csr?: AcceptedCsr }) =>
          createClient({ ...command, ...changes }, someTime, { ...dependencies, authorities: brought });
        const refused = await createWith({ name: `not signed ${over}`, csr: decided.csr });
        expect(refused).toEqual({ ok: false, problem: 'partner-authority-not-valid' });
        expect(await Promise.all(tables.map(countRows))).toEqual(before);
        expect(await createWith({ name: `not asked ${over}` })).toMatchObject({ ok: true });
      },
    );

    test('rolls everything back when a later step fails', async () => {
      const tables = ['organisations', 'clients', 'client_secrets', 'audit_entries'] as const;
      const before = await Promise.all(tables.map(countRows));
      const broken: HmacKeyring = {
        currentVersion: () => 1,
        hash: () => {
          throw new Error('no key');
        },
        learn: () => undefined,
      };
      const failing = createClient(
        { environment: 'sandbox', organisationName: 'Rolled back', name: 'x', policy: {}, actor: 'operator' },
        someTime,
        { ...dependencies, hmacKeys: broken },
      );
      await expect(failing).rejects.toThrow('no key');
      expect(await Promise.all(tables.map(countRows))).toEqual(before);
    });

    test('puts clients of the same organisation name into one organisation', async () => {
      const [first, second] = [await made({ name: 'one' }), await made({ name: 'two' })];
      expect(second.organisationId).toBe(first.organisationId);
      expect((await made({ name: 'one', organisationName: 'Third' })).organisationId).not.toBe(first.organisationId);
    });
  });

  describe('showing them', () => {
    test('tells secrets by their last four characters and never more', async () => {
      const { clientId, secret } = await made({ name: 'shown', policy: { mtlsRequired: false } });
      const shown = await showClient(clientId, judged, { database, usage: someUsage() });
      expect(shown).toMatchObject({
        id: clientId,
        environment: 'sandbox',
        name: 'shown',
        organisation: { name: 'Example' },
        mtlsRequired: false,
        accessTokenLifetimeSeconds: 43_200,
        createdAt: new Date(someTime),
        revokedAt: null,
        secrets: [{ hint: secret.reveal().slice(-4), usableUntil: null, revokedAt: null }],
        certificates: [],
      });
      expect(JSON.stringify(shown)).not.toContain('hash');
    });

    test('lists those of one environment, or all', async () => {
      const sandbox = await made({ name: 'listed' });
      const production = await made({ name: 'listed', environment: 'production' });
      const ids = async (environment: 'sandbox' | 'production' | undefined) =>
        (await listClients(database, environment)).map(({ id }) => id);
      expect(await ids('sandbox')).toContain(sandbox.clientId);
      expect(await ids('sandbox')).not.toContain(production.clientId);
      expect(await ids(undefined)).toEqual(expect.arrayContaining([sandbox.clientId, production.clientId]));
    });

    test('finds nobody under an unknown id', async () => {
      expect(await showClient('cli_unknown', judged, { database, usage: someUsage() })).toBeUndefined();
    });
  });

  describe('revoking one', () => {
    test('ends it and its tokens, and tells standing after the commit', async () => {
      const { clientId } = await made({ name: 'revoked' });
      const told: unknown[] = [];
      let committed: Promise<unknown> = Promise.resolve();
      const standingChanged = (...values: unknown[]) => {
        told.push(values);
        // Begun before anything else can run: it sees the revocation only if that is committed by now.
        committed = database.read((tx) => loadClientFacts(tx, 'sandbox', clientId, someTime));
      };
      const revoked = await revokeClient(clientId, 'operator', someTime + 1, { database, random, standingChanged });
      expect(revoked).toEqual({ environment: 'sandbox', alreadyRevoked: false });
      expect(told).toEqual([['sandbox', clientId]]);
      expect(await committed).toMatchObject({ revokedAt: someTime + 1, generation: 2 });
      expect(await actionsAbout(clientId)).toContain('client.revoked');
    });

    test('a second time changes nothing and writes no further entry', async () => {
      const { clientId } = await made({ name: 'revoked twice' });
      const revoke = (now: number) =>
        revokeClient(clientId, 'operator', now, { database, random, standingChanged: () => undefined });
      await revoke(someTime + 1);
      expect(await revoke(someTime + 2)).toEqual({ environment: 'sandbox', alreadyRevoked: true });
      expect(await database.read((tx) => loadClientFacts(tx, 'sandbox', clientId, someTime))).toMatchObject({
        revokedAt: someTime + 1,
        generation: 2,
      });
      expect((await actionsAbout(clientId)).filter((action) => action === 'client.revoked')).toHaveLength(1);
    });

    test('of an unknown id does nothing and tells nobody', async () => {
      const told: unknown[] = [];
      const standingChanged = (...values: unknown[]) => void told.push(values);
      expect(
        await revokeClient('cli_none', 'operator', someTime, { database, random, standingChanged }),
      ).toBeUndefined();
      expect(told).toEqual([]);
    });
  });
});
