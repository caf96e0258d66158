// Which authorities an installation has: its own, made once, or those that the operator brings.

import { beforeAll, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { createRandomPool } from '../platform/random.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { openAuthorities } from './authority-store.js';
import { createAuthority } from './certificate-authority.js';

const now = Date.UTC(2026, 8, 14, 12);
const random = createRandomPool();
const masterKey = createMasterKey(new SecretValue(Buffer.alloc(32, 1).toString('base64')));

describeOnEachEngine('authorities', (open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  const rows = () =>
    database.read((tx) =>
      tx
        .selectFrom('certificate_authorities')
        .select(['environment', 'kind'])
        .orderBy('environment')
        .orderBy('kind')
        .execute(),
    );

  test('a brought partner authority is used, and none is made in its place until it is gone', async () => {
    const production = await createAuthority({ environment: 'production', kind: 'partner', now });
    const opened = await openAuthorities(database, masterKey, now, random, { production });
    expect(opened.production.partner).toBe(production);
    expect(await rows()).toEqual([
      { environment: 'production', kind: 'platform' },
      { environment: 'sandbox', kind: 'partner' },
      { environment: 'sandbox', kind: 'platform' },
    ]);

    const without = await openAuthorities(database, masterKey, now, random);
    expect(without.production.partner.issuingCertificatePem).not.toBe(production.issuingCertificatePem);
    expect(without.sandbox).toEqual(opened.sandbox);
    expect(await rows()).toHaveLength(4);

    const again = await openAuthorities(database, masterKey, now, random, { production });
    expect(again.production.partner).toBe(production);
    expect(await openAuthorities(database, masterKey, now, random)).toEqual(without);
  });
});
