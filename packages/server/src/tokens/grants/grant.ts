import type { ClientCredentialsTokenResponse } from '@tollward/protocol';
import type { ClientFacts } from '../../clients/index.js';
import type { Refusal } from '../../refusals/index.js';
import type { CertificateBinding, TokenClaims } from '../sealed-token.js';

/** A token request whose client is proved, whose certificate is judged and whose limits are kept. */
export interface GrantRequest {
  readonly client: ClientFacts;
  readonly secretId: string;
  readonly binding: CertificateBinding | null;
  readonly parameters: ReadonlyMap<string, string>;
  readonly tokenId: string;
  readonly now: number;
}

/** What a grant gives: the claims to seal, and the answer around the sealed token, in the member order of the contract. */
export interface Granted {
  readonly claims: TokenClaims;
  readonly respond: (accessToken: string) => ClientCredentialsTokenResponse;
}

/** One grant type of the token endpoint. One file each; the table is in grants/index.ts. */
export interface Grant {
  readonly grantType: string;
  handle(request: GrantRequest): Granted | Refusal | Promise<Granted | Refusal>;
}
