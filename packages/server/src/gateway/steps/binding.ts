// RFC 8705 section 3: a bound token works on a connection with its certificate only. The comparison is made on every call
// and never remembered: a cached decision would let the second call of a session pass with another certificate.

import { decideRegisteredCertificate, describePeer } from '../../certificates/index.js';
import type { ClientFacts } from '../../clients/index.js';
import type { Refusal } from '../../refusals/index.js';
import type { TokenClaims } from '../../tokens/index.js';
import type { ProtectedCall } from '../protected-call.js';

export function checkBinding(
  { peer, mtlsUrl, now }: ProtectedCall,
  { binding, tokenId }: TokenClaims,
  client: ClientFacts,
): Refusal | undefined {
  const clientId = client.id;
  if (binding === null) {
    if (!client.mtlsRequired) return undefined;
    const expected = 'a token bound to a certificate, because the client must use mutual TLS';
    return {
      refusal: 'token_not_bound',
      step: 'binding',
      expected,
      seen: `token ${tokenId}, bound to none`,
      parameters: { mtlsUrl },
      clientId,
    };
  }
  const expected = `the certificate the token is bound to: ${binding.certificateId}, sha256 ${binding.thumbprint}`;
  if (peer === 'not-asked') {
    const seen = 'a request on the listener without client certificates';
    return { refusal: 'mtls_required', step: 'binding', expected, seen, parameters: { mtlsUrl }, clientId };
  }
  if (peer === null) {
    const seen = 'a TLS connection without a client certificate';
    return { refusal: 'certificate_missing', step: 'binding', expected, seen, clientId };
  }
  const certificate = client.certificates.get(binding.thumbprint);
  if (peer.thumbprint !== binding.thumbprint || certificate === undefined) {
    return { refusal: 'token_bound_elsewhere', step: 'binding', expected, seen: describePeer(peer), clientId };
  }
  const verdict = decideRegisteredCertificate(certificate, now);
  if (verdict.accepted) return undefined;
  const { code, seen, parameters } = verdict;
  return { refusal: code, step: 'binding', expected, seen, parameters, clientId };
}
