import { describe, expect, it } from 'vitest';
import type { CertificateBody } from '../surfaces/management/schemas/certificates.js';
import type { ClientDetailsBody } from '../surfaces/management/schemas/clients.js';
import type { SecretBody } from '../surfaces/management/schemas/secrets.js';
import { renderClient } from './show-client.js';

const now = Date.parse('2026-03-01T12:00:00.000Z');
const at = (text: string) => new Date(`2026-03-${text}:00.000Z`);
const page = { width: 120, colour: false };
const oldCertificateId = `crt_${'1'.repeat(32)}`;
const newCertificateId = `crt_${'2'.repeat(32)}`;

const oldSecret: SecretBody = {
  id: `sec_${'1'.repeat(32)}`,
  hint: 'aaaa',
  state: 'ending',
  createdAt: at('01T00:00'),
  usableUntil: at('02T11:00'),
  pausedUntil: null,
  revokedAt: null,
  lastUsedAt: at('01T11:57'),
  lastTriedAt: at('01T11:57'),
  tokensUntil: at('01T23:57'),
  uses: [
    {
      address: '10.0.0.7',
      certificateId: oldCertificateId,
      uses: 12,
      lastUsedAt: at('01T11:57'),
      refused: 0,
      lastRefusedAt: null,
    },
    { address: '10.0.0.8', certificateId: null, uses: 0, lastUsedAt: null, refused: 3, lastRefusedAt: at('01T11:50') },
  ],
  retirement: { safeFrom: at('02T11:57'), hasSuccessor: true },
};

const newSecret: SecretBody = {
  ...oldSecret,
  id: `sec_${'2'.repeat(32)}`,
  hint: 'bbbb',
  state: 'in force',
  createdAt: at('01T11:00'),
  usableUntil: null,
  lastUsedAt: null,
  lastTriedAt: null,
  tokensUntil: null,
  uses: [],
  retirement: { safeFrom: at('02T11:00'), hasSuccessor: false },
};

const oldCertificate: CertificateBody = {
  id: oldCertificateId,
  environment: 'sandbox',
  clientId: `cli_${'1'.repeat(32)}`,
  name: 'first',
  origin: 'issued',
  state: 'in force',
  sha256: 'ab'.repeat(32),
  subject: 'O=Test Bank',
  issuer: 'CN=Issuer',
  serialNumber: '0A',
  keyType: 'ec-p256',
  notBefore: at('01T00:00'),
  notAfter: at('31T00:00'),
  pausedUntil: null,
  revokedAt: null,
  lastUsedAt: null,
  lastTriedAt: null,
  uses: [],
  retirement: { safeFrom: null, hasSuccessor: true },
};

const newCertificate: CertificateBody = {
  ...oldCertificate,
  id: newCertificateId,
  name: 'second',
  notBefore: at('01T11:00'),
  retirement: { safeFrom: null, hasSuccessor: false },
};

const client: ClientDetailsBody = {
  id: `cli_${'1'.repeat(32)}`,
  environment: 'sandbox',
  name: 'worker',
  organisation: { id: `org_${'1'.repeat(32)}`, name: 'Test Bank' },
  mtlsRequired: true,
  embeddedModel: false,
  scaOff: false,
  allowedAddresses: ['10.0.0.0/8', '2001:db8::1'],
  limits: { perSecond: 10, perMinute: 300 },
  accessTokenLifetimeSeconds: 43_200,
  createdAt: at('01T00:00'),
  revokedAt: null,
  secrets: [newSecret, oldSecret],
  certificates: [newCertificate, oldCertificate],
};

/** The lines of one credential. */
function block(changes: Partial<ClientDetailsBody>, id: string): string {
  const text = renderClient({ ...client, ...changes }, page, now);
  return text.split('\n\n').find((lines) => lines.includes(`${id},`)) ?? '';
}

const secretBlock = (changes: Partial<SecretBody>) =>
  block({ secrets: [newSecret, { ...oldSecret, ...changes }] }, oldSecret.id);
const certificateBlock = (changes: Partial<CertificateBody>) =>
  block({ certificates: [newCertificate, { ...oldCertificate, ...changes }] }, oldCertificate.id);

const unused = { lastUsedAt: null, lastTriedAt: null, uses: [] };
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

describe('clients show', () => {
  it('shows the policy in words', () => {
    const text = renderClient(client, page, now);
    expect(text).toMatch(/^Mutual TLS +required$/m);
    expect(text).toMatch(/^Addresses +10\.0\.0\.0\/8, 2001:db8::1$/m);
    expect(text).toMatch(/^Limits +10 a second, 300 a minute$/m);
    expect(text).toMatch(/^Tokens +in force for 43200 seconds$/m);
  });

  it('tells who still uses an old secret, when, and from when on it can go', () => {
    expect(oneLine(block({}, oldSecret.id))).toContain(
      'Wait: last used 3 minutes ago from 10.0.0.7 with certificate "first"; ' +
        'safe to retire from 2026-03-02T11:57:00.000Z if nobody tries it until then.',
    );
  });

  it('tells who was refused, when that came after the last use: they still depend on it', () => {
    const lastTriedAt = at('01T11:50');
    const refused = {
      lastTriedAt,
      uses: oldSecret.uses.slice(1),
      retirement: { safeFrom: at('02T11:50'), hasSuccessor: true },
    };
    for (const lastUsedAt of [at('01T09:00'), null]) {
      expect(oneLine(secretBlock({ ...refused, lastUsedAt }))).toContain(
        'Wait: last refused 10 minutes ago from 10.0.0.8 with no certificate; safe to retire from 2026-03-02T11:50',
      );
    }
  });

  it('waits also for one that nobody was ever seen to use, until that means something', () => {
    expect(oneLine(secretBlock({ ...unused, retirement: { safeFrom: at('02T00:00'), hasSuccessor: true } }))).toContain(
      'Wait: not used since its uses are counted; safe to retire from 2026-03-02T00:00:00.000Z',
    );
  });

  it('lists every place a credential was used from, refusals included', () => {
    const lines = block({}, oldSecret.id).split('\n');
    expect(lines.at(-2)).toMatch(
      new RegExp(`^ +10\\.0\\.0\\.7 +${oldCertificateId} +first +12 +2026-03-01T11:57:00\\.000Z +0$`),
    );
    expect(lines.at(-1)).toMatch(/^ +10\.0\.0\.8 +none +0 +never +3, last 2026-03-01T11:50:00\.000Z$/);
  });

  it('tells ending from revoking while tokens of the secret are in force', () => {
    const quiet = { ...unused, retirement: { safeFrom: null, hasSuccessor: true } };
    expect(oneLine(secretBlock({ ...quiet, tokensUntil: at('01T20:00') }))).toContain(
      'Safe to end: not used since its uses are counted. ' +
        'Safe to revoke from 2026-03-01T20:00:00.000Z, when the last token it got runs out.',
    );
    expect(secretBlock({ ...quiet, tokensUntil: at('01T12:00') })).toContain('Safe to retire: not used since');
  });

  it('calls safe to retire what the server does, and says when it was used', () => {
    const quiet = { uses: [], tokensUntil: null, retirement: { safeFrom: null, hasSuccessor: true } };
    const lastUsedAt = at('01T09:00');
    expect(secretBlock({ ...quiet, lastUsedAt, lastTriedAt: lastUsedAt })).toContain(
      'Safe to retire: last used 3 hours ago.',
    );
    expect(block({}, oldCertificate.id)).toContain('Safe to retire: not used since its uses are counted.');
  });

  it('does not advise to retire what has no successor, used or not', () => {
    expect(block({}, newSecret.id)).toContain('Keep, there is no newer one: not used since its uses are counted.');
    expect(block({}, newCertificate.id)).toContain('Keep, there is no newer one: not used');
    const alone = { safeFrom: null, hasSuccessor: false };
    expect(secretBlock({ retirement: alone })).toContain('Keep, there is no newer one: last used 3 minutes ago');
  });

  it('says of what is out of use since when, and until when its tokens last', () => {
    const over = { retirement: { safeFrom: null, hasSuccessor: true } };
    const revokedAt = at('01T11:59');
    expect(secretBlock({ ...over, state: 'revoked', revokedAt })).toContain(
      'Out of use: revoked at 2026-03-01T11:59:00.000Z.',
    );
    expect(secretBlock({ ...over, state: 'replaced' })).toContain(
      'Out of use: it gets no more tokens, and the last one it got runs out at 2026-03-01T23:57:00.000Z.',
    );
    expect(secretBlock({ ...over, state: 'replaced', tokensUntil: at('01T11:59') })).toContain(
      'every token it got has run out.',
    );
    expect(certificateBlock({ ...over, state: 'expired' })).toContain('Out of use: it has expired.');
  });

  it('shows a pause while it lasts', () => {
    expect(oneLine(secretBlock({ pausedUntil: at('01T12:01') }))).toContain(
      'paused until 2026-03-01T12:01:00.000Z, then ending',
    );
    expect(secretBlock({ pausedUntil: at('01T11:59') })).not.toContain('paused');
    expect(oneLine(certificateBlock({ pausedUntil: at('01T12:01') }))).toContain(
      'paused until 2026-03-01T12:01:00.000Z',
    );
  });

  it('says who was refused last, which is what a pause is for', () => {
    expect(block({}, oldSecret.id)).toContain('Refused 3 times, last 10 minutes ago from 10.0.0.8.');
    expect(block({}, newSecret.id)).not.toContain('Refused');
  });

  it('shows what is out of use last', () => {
    const secrets = [{ ...oldSecret, state: 'replaced' as const }, newSecret];
    const text = renderClient({ ...client, secrets }, page, now);
    expect(text.indexOf(newSecret.id)).toBeLessThan(text.indexOf(oldSecret.id));
  });

  it('says it when there is no certificate', () => {
    expect(renderClient({ ...client, certificates: [] }, page, now)).toMatch(/^Certificate: none$/m);
  });
});
