import type { TestClient, TestServer } from '@tollward/server/testing';
import { type MadeCertificate, makeCertificate } from './openssl.js';

/** A self-signed certificate that carries the client's name. */
export function selfSignedLookAlike({ clientId }: TestClient): MadeCertificate {
  return makeCertificate({ subject: `/O=Example/CN=${clientId}` });
}

/** A certificate of the right authority, with the client's name and key, that nobody registered. */
export function unregisteredTwin(server: TestServer, { environment, clientId, identity }: TestClient): MadeCertificate {
  if (identity === null) throw new Error('the client has no certificate');
  const { issuingCertificatePem, issuingKeyPkcs8 } = server.core.authorities.of(environment).partner(server.time.now);
  const key = `-----BEGIN PRIVATE KEY-----\n${issuingKeyPkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  const issuer = { cert: issuingCertificatePem, key };
  return makeCertificate({ subject: `/O=Example/CN=${clientId}`, key: identity.key, issuer });
}
