import { createHash, X509Certificate } from 'node:crypto';
import { aClient, type ClientIdentity, type TestClient, type TestServer, uploadFor } from '@tollward/server/testing';
import { type MadeCertificate, makeCertificate } from './openssl.js';

/** An authority that nobody here has heard of. */
export const authority = makeCertificate({
  subject: '/C=EE/O=Somebody Else/CN=Some CA',
  extensions: ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign'],
});

export const forClients = ['extendedKeyUsage = clientAuth', 'keyUsage = critical, digitalSignature'];

/** A client with one certificate, which was made elsewhere and registered. */
export async function aPartnerWith(
  server: TestServer,
  made: MadeCertificate,
): Promise<TestClient & { readonly identity: ClientIdentity }> {
  const partner = await aClient(server, { withCertificate: false });
  const added = await uploadFor(server, partner, made.cert);
  if (!added.ok) throw new Error(added.problem);
  const thumbprint = createHash('sha256').update(new X509Certificate(made.cert).raw).digest('base64url');
  return { ...partner, identity: { ...made, certificateId: added.certificateId, thumbprint } };
}
