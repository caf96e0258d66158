// RFC 6749 section 2.3.1, HTTP Basic. Clients differ in whether they form-encode the two parts before base64 (curl does
// not, openid-client encodes even '-'), so both readings are tried: raw first, then decoded. Both parts are printable
// ASCII (appendix A.1 and A.2); anything else, a NUL above all, would be a fault of the database and not a refusal.

import type { RefusalCode } from '@tollward/protocol';

export interface BasicCredentials {
  readonly clientId: string;
  readonly secret: string;
}

export type ParsedBasic =
  | { readonly ok: true; readonly readings: readonly [BasicCredentials, ...BasicCredentials[]] }
  | { readonly ok: false; readonly problem: 'missing' | 'not-basic' | 'malformed' };

const longestHeader = 1_024;
const basicShape = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** Reads an Authorization header; one or two readings of the same credentials come out. */
export function parseBasicCredentials(header: string | undefined): ParsedBasic {
  if (header === undefined) return { ok: false, problem: 'missing' };
  if (!/^basic(?: |$)/i.test(header)) return { ok: false, problem: 'not-basic' };
  const encoded = header.length > longestHeader ? undefined : basicShape.exec(header)?.[1];
  if (encoded === undefined) return { ok: false, problem: 'malformed' };
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1 || !isPrintable(text) || bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) {
    return { ok: false, problem: 'malformed' };
  }
  const raw = { clientId: text.slice(0, colon), secret: text.slice(colon + 1) };
  const decoded = { clientId: formDecode(raw.clientId), secret: formDecode(raw.secret) };
  if (decoded.clientId === undefined || decoded.secret === undefined) return { ok: true, readings: [raw] };
  if (decoded.clientId === raw.clientId && decoded.secret === raw.secret) return { ok: true, readings: [raw] };
  return { ok: true, readings: [raw, { clientId: decoded.clientId, secret: decoded.secret }] };
}

function formDecode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return isPrintable(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function isPrintable(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** A stored secret as this decision needs it. */
export interface CandidateSecret {
  readonly id: string;
  readonly usableUntil: number | null;
  readonly endedAt: number | null;
  readonly revokedAt: number | null;
  readonly pausedUntil: number | null;
}

/** Tokens live a day at most, so nothing stands on a secret that ended longer ago than this. */
export const rememberedMs = 30 * 24 * 60 * 60_000;

/** Whether it is still compared with what is sent. Its key may be gone afterwards, while the facts of the client stay cached. */
export function isRemembered({ usableUntil, revokedAt }: CandidateSecret, now: number): boolean {
  const since = now - rememberedMs;
  return (usableUntil === null || usableUntil > since) && (revokedAt === null || revokedAt > since);
}

export type EndedSecretCode = Extract<RefusalCode, 'secret_revoked' | 'secret_replaced' | 'secret_paused'>;

export type SecretVerdict =
  | { readonly accepted: true }
  | {
      readonly accepted: false;
      readonly code: EndedSecretCode;
      readonly seen: string;
      readonly parameters: Readonly<Record<string, string>>;
    };

/** Whether the stored secret that matched may still get tokens. */
export function decideMatchedSecret(secret: CandidateSecret, now: number): SecretVerdict {
  const { id, revokedAt, usableUntil, endedAt, pausedUntil } = secret;
  if (revokedAt !== null) {
    const at = new Date(revokedAt).toISOString();
    const seen = `secret ${id}, revoked at ${at}`;
    return { accepted: false, code: 'secret_revoked', seen, parameters: { revokedAt: at } };
  }
  const replacedAt = endedAt ?? (usableUntil !== null && usableUntil <= now ? usableUntil : null);
  if (replacedAt !== null) {
    const at = new Date(replacedAt).toISOString();
    const seen = `secret ${id}, which gets no more tokens since ${at}`;
    return { accepted: false, code: 'secret_replaced', seen, parameters: { replacedAt: at } };
  }
  if (pausedUntil !== null && now < pausedUntil) {
    const at = new Date(pausedUntil).toISOString();
    const seen = `secret ${id}, paused until ${at}`;
    return { accepted: false, code: 'secret_paused', seen, parameters: { pausedUntil: at } };
  }
  return { accepted: true };
}
