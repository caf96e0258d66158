// Who uses a credential, and whether it can be retired: what an operator looks at during a rotation.

import { styleText } from 'node:util';
import type { CertificateBody } from '../surfaces/management/schemas/certificates.js';
import type { SecretBody } from '../surfaces/management/schemas/secrets.js';
import type { CredentialUseBody } from '../surfaces/management/schemas/usage.js';
import { describeAgo } from './duration.js';
import { lineWidth, type Page, renderTable, wrap } from './text.js';

type Retirable = Pick<SecretBody, 'uses' | 'lastUsedAt' | 'lastTriedAt' | 'retirement' | 'revokedAt'> & {
  readonly state: SecretBody['state'] | CertificateBody['state'];
  readonly tokensUntil?: Date | null;
};

export interface RetirementView {
  readonly now: number;
  /** By the id of the certificate: people know them by name. */
  readonly certificateNames: ReadonlyMap<string, string>;
}

/** One sentence: is it out of use, still used, or safe to retire. */
function describeRetirement(credential: Retirable, view: RetirementView): string {
  const { now } = view;
  const { state, revokedAt, retirement, tokensUntil } = credential;
  if (revokedAt !== null) return `Out of use: revoked at ${revokedAt.toISOString()}.`;
  if (state === 'expired') return 'Out of use: it has expired.';
  if (state === 'replaced') {
    const over = tokensUntil == null || tokensUntil.getTime() <= now;
    const tokens = over ? 'every token it got has run out' : `the last one it got runs out at ${iso(tokensUntil)}`;
    return `Out of use: it gets no more tokens, and ${tokens}.`;
  }
  const use = describeLastUse(credential, view);
  if (!retirement.hasSuccessor) return `Keep, there is no newer one: ${use}.`;
  const { safeFrom } = retirement;
  if (safeFrom === null) {
    // What the server calls safe is to end it; a revocation reaches further.
    const hasTokens = tokensUntil != null && tokensUntil.getTime() > now;
    return hasTokens
      ? `Safe to end: ${use}. Safe to revoke from ${iso(tokensUntil)}, when the last token it got runs out.`
      : `Safe to retire: ${use}.`;
  }
  return `Wait: ${use}; safe to retire from ${iso(safeFrom)} if nobody tries it until then.`;
}

function describeLastUse(
  { lastTriedAt, lastUsedAt, uses }: Retirable,
  { now, certificateNames }: RetirementView,
): string {
  if (lastTriedAt === null) return 'not used since its uses are counted';
  const wasRefused = lastUsedAt === null || lastUsedAt < lastTriedAt;
  const latest = uses.find(
    (use) => (wasRefused ? use.lastRefusedAt : use.lastUsedAt)?.getTime() === lastTriedAt.getTime(),
  );
  const where =
    latest === undefined ? '' : ` from ${latest.address} with ${describeCertificate(latest, certificateNames)}`;
  return `last ${wasRefused ? 'refused' : 'used'} ${describeAgo(lastTriedAt, now)}${where}`;
}

function describeCertificate({ certificateId }: CredentialUseBody, names: ReadonlyMap<string, string>): string {
  if (certificateId === null) return 'no certificate';
  const name = names.get(certificateId);
  return name === undefined ? `certificate ${certificateId}` : `certificate "${name}"`;
}

/** The sentence, and below it the places it was used from. */
export function renderRetirement(credential: Retirable, view: RetirementView, page: Page): string[] {
  const sentence = wrap(describeRetirement(credential, view), lineWidth(page));
  const lines = page.colour ? sentence.map((line) => styleText(colourOf(credential), line)) : sentence;
  return [
    ...lines,
    ...describeRefusals(credential.uses, view.now),
    ...renderUses(credential.uses, view.certificateNames, page),
  ];
}

/** What a brown-out is for: somebody out there still has it. */
function describeRefusals(uses: readonly CredentialUseBody[], now: number): string[] {
  const total = uses.reduce((sum, { refused }) => sum + refused, 0);
  const [latest] = uses.toSorted((left, right) => timeOf(right.lastRefusedAt) - timeOf(left.lastRefusedAt));
  if (total === 0 || latest === undefined || latest.lastRefusedAt === null) return [];
  return [
    `Refused ${total === 1 ? 'once' : `${total} times`}, last ${describeAgo(latest.lastRefusedAt, now)} from ${latest.address}.`,
  ];
}

function timeOf(time: Date | null): number {
  return time?.getTime() ?? 0;
}

function colourOf({ state, retirement }: Retirable): 'reset' | 'green' | 'yellow' {
  if (!retirement.hasSuccessor || (state !== 'in force' && state !== 'ending')) return 'reset';
  return retirement.safeFrom === null ? 'green' : 'yellow';
}

function renderUses(
  uses: readonly CredentialUseBody[],
  certificateNames: ReadonlyMap<string, string>,
  page: Page,
): string[] {
  if (uses.length === 0) return [];
  const rows = uses.map(({ address, certificateId, uses: times, lastUsedAt, refused, lastRefusedAt }) => [
    address,
    certificateId ?? 'none',
    certificateNames.get(certificateId ?? '') ?? '',
    String(times),
    lastUsedAt === null ? 'never' : iso(lastUsedAt),
    lastRefusedAt === null ? String(refused) : `${refused}, last ${iso(lastRefusedAt)}`,
  ]);
  return renderTable(['ADDRESS', 'CERTIFICATE', 'NAME', 'TIMES', 'LAST USED', 'REFUSED'], rows, page).split('\n');
}

function iso(time: Date): string {
  return time.toISOString();
}
