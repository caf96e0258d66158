import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import type { Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { RandomBytes } from '../platform/random.js';
import type { Authorities } from './authority-store.js';
import type { AcceptedCsr } from './certificate-request.js';
import { insertCertificate } from './certificate-store.js';
import { signClientCertificate } from './sign-client-certificate.js';

export interface IssueCertificate {
  readonly environment: Environment;
  readonly clientId: string;
  readonly name: string;
  readonly csr: AcceptedCsr;
  readonly actor: Actor;
}

export interface IssuedCertificate {
  readonly id: string;
  /** The certificate and its issuer, in the order a TLS client sends them. */
  readonly chainPem: string;
  readonly thumbprint: string;
  readonly notAfter: number;
}

/** Signs an accepted certificate request by the environment's partner authority and registers the certificate to the client. */
export async function issueCertificate(
  tx: Tx,
  { environment, clientId, name, csr, actor }: IssueCertificate,
  authorities: Authorities,
  now: number,
  random: RandomBytes,
): Promise<IssuedCertificate> {
  const { certificatePem, chainPem, facts } = await signClientCertificate({
    authority: authorities[environment].partner,
    csr,
    clientId,
    now,
  });
  const id = newId('crt', now, random);
  await insertCertificate(tx, { environment, id, clientId, name, facts, pem: certificatePem }, now);
  const details = { clientId, sha256: facts.sha256.toString('hex'), notAfter: new Date(facts.notAfter).toISOString() };
  await appendAuditEntry(tx, { environment, actor, action: 'certificate.issued', subject: id, details }, now, random);
  return { id, chainPem, thumbprint: facts.thumbprint, notAfter: facts.notAfter };
}
