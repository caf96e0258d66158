// Who calls: only what the assertion of the gateway says, a JWT (RFC 7519) signed with ES256. Nothing else in a request is
// believed, and there is no other way in.

import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';

export type Environment = 'sandbox' | 'production';

export type Caller =
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'anonymous' }
  /** The gateway itself. */
  | { readonly kind: 'tollward' };

export interface AssertionRules {
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
  readonly environment: Environment;
  readonly clock: () => number;
}

/** Resolves to the caller, or to what is wrong with the assertion. @throws when the keys can not be had */
export type ReadCaller = (assertion: string | undefined) => Promise<Caller | { readonly problem: string }>;

const lifetimeSeconds = 60;
/** The gateway may run on another machine. */
const toleranceSeconds = 5;

const claimsSchema = z.discriminatedUnion('token_kind', [
  z.object({ token_kind: z.literal('client_credentials'), sub: z.string(), client_id: z.string().min(1) }),
  z.object({ token_kind: z.literal('anonymous'), sub: z.literal('anonymous') }),
  z.object({ token_kind: z.literal('tollward'), sub: z.literal('tollward') }),
]);

export function createCallerReader({ keys, issuer, audience, environment, clock }: AssertionRules): ReadCaller {
  return async (assertion) => {
    if (assertion === undefined) return { problem: 'there is no assertion: this API is called through the gateway' };
    const verified = await jwtVerify(assertion, keys, {
      algorithms: ['ES256'],
      typ: 'tollward-assertion+jwt',
      issuer,
      audience,
      currentDate: new Date(clock()),
      requiredClaims: ['exp', 'iat', 'sub'],
      maxTokenAge: lifetimeSeconds,
      clockTolerance: toleranceSeconds,
    }).catch(problemOf);
    if ('problem' in verified) return verified;
    const { payload } = verified;
    if (payload['environment'] !== environment) return { problem: `the assertion is not for ${environment}` };
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) return { problem: 'the claims of the assertion do not name one caller' };
    if (claims.data.token_kind !== 'client_credentials') return { kind: claims.data.token_kind };
    const { sub, client_id: clientId } = claims.data;
    return sub === clientId ? { kind: 'client', clientId } : { problem: 'sub and client_id of the assertion differ' };
  };
}

/** An assertion that is not good, told from keys that can not be had, which is a fault. */
function problemOf(error: unknown): { problem: string } {
  const isOurs =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) &&
    error.code !== errors.JOSEError.code;
  if (!isOurs) throw error;
  const claim =
    error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired ? error.claim : '';
  return { problem: `the assertion is not good: ${error.code}${claim === '' ? '' : `, ${claim}`}` };
}
