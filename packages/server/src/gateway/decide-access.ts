import type { Environment } from '@tollward/protocol';
import type { ScaRule, TokenRule } from './policy/policy.js';

/** The kinds of token that policies know. User and personal tokens are not issued yet. */
export type TokenKind = Exclude<TokenRule, 'embedded'>;

/** Whether a route takes tokens of this kind. */
export function decideTokenKind(
  tokens: ReadonlySet<TokenRule>,
  kind: TokenKind,
  embeddedModel: boolean,
): 'allowed' | 'token_kind_not_allowed' | 'embedded_model_off' {
  if (tokens.has(kind)) return 'allowed';
  if (kind !== 'client_credentials' || !tokens.has('embedded')) return 'token_kind_not_allowed';
  return embeddedModel ? 'allowed' : 'embedded_model_off';
}

/** Whether a route takes tokens of this kind for profiles of this country. */
export function decideRegion(
  personalCountries: ReadonlySet<string> | null,
  kind: TokenKind,
  country: string,
): 'allowed' | 'region_not_allowed' {
  const isOpen = kind !== 'personal' || personalCountries === null || personalCountries.has(country);
  return isOpen ? 'allowed' : 'region_not_allowed';
}

/** Whether a call needs strong customer authentication. A profile whose country nobody knows is in every country. */
export function decideSca(
  rule: ScaRule,
  country: string | null,
  switches: {
    readonly environment: Environment;
    /** Of the client, which can have it in sandbox only. */
    readonly scaOff: boolean;
    readonly unsafeNoSca: boolean;
  },
): 'needed' | 'not needed' {
  if (country !== null && !rule.countries.has(country)) return 'not needed';
  const isOff = switches.environment === 'sandbox' ? switches.scaOff : switches.unsafeNoSca;
  return isOff ? 'not needed' : 'needed';
}
