import type { Environment } from '@tollward/protocol';
import type { Actor } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import type { RandomBytes } from '../platform/random.js';
import type { Authorities } from './authorities.js';
import { canSign } from './certificate-authority.js';
import type { AcceptedCsr } from './certificate-request.js';
import type { RegistrationProblem } from './decide-registration.js';
import { registerCertificate } from './register-certificate.js';
import { signClientCertificate } from './sign-client-certificate.js';

export interface IssueCertificate {
  readonly environment: Environment;
  readonly clientId: string;
  readonly name: string;
  readonly csr: AcceptedCsr;
  readonly actor: Actor;
}

export interface IssuedCertificate {
  readonly ok: true;
  readonly id: string;
  /** The certificate and its issuer, in the order a TLS client sends them. */
  readonly chainPem: string;
  readonly thumbprint: string;
  readonly notAfter: number;
}

export type IssuingProblem = RegistrationProblem | 'partner-authority-not-valid';

/** Signs an accepted certificate request by the environment's partner authority and registers the certificate to the client. */
export async function issueCertificate(
  tx: Tx,
  { environment, clientId, name, csr, actor }: IssueCertificate,
  authorities: Authorities,
  now: number,
  random: RandomBytes,
): Promise<IssuedCertificate | { readonly ok: false; readonly problem: IssuingProblem }> {
  const authority = authorities.of(environment).partner(now);
  if (!canSign(authority, now)) return { ok: false, problem: 'partner-authority-not-valid' };
  const { certificatePem, chainPem, facts } = await signClientCertificate({
    authority,
    csr,
    clientId,
    now,
    randomBytes: random,
  });
  const registration = { environment, clientId, name, origin: 'issued', facts, pem: certificatePem, actor } as const;
  const registered = await registerCertificate(tx, registration, now, random);
  if (!registered.ok) return registered;
  return { ok: true, id: registered.certificateId, chainPem, thumbprint: facts.thumbprint, notAfter: facts.notAfter };
}
