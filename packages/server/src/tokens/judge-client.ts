// What the facts of a proved client say to its request: is it in force, over which certificate (RFC 8705 section 2,
// registered certificates), from where. All of it may be said openly, because the secret is proved.

import { decideRegisteredCertificate, describePeer } from '../certificates/index.js';
import { type ClientFacts, checkAddress } from '../clients/index.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import type { ClientRequest } from './prove-client.js';
import type { CertificateBinding } from './sealed-token.js';

/** The certificate that a token of this request gets bound to, null for none. */
export function judgeClient(client: ClientFacts, request: ClientRequest): CertificateBinding | null | Refusal {
  const unfit = checkInForce(request, client);
  if (unfit !== undefined) return unfit;
  request.trace?.enter('peer');
  const binding = judgeCertificate(request, client);
  if (binding !== null && isRefusal(binding)) return { ...binding, clientId: client.id };
  return checkAddress(client, request.address, 'peer') ?? binding;
}

function checkInForce({ parameters }: ClientRequest, client: ClientFacts): Refusal | undefined {
  if (client.revokedAt !== null) {
    const seen = `client ${client.id}, revoked at ${new Date(client.revokedAt).toISOString()}`;
    return {
      refusal: 'client_revoked',
      step: 'client',
      expected: 'a client that is in force',
      seen,
      clientId: client.id,
    };
  }
  const bodyClientId = parameters.get('client_id');
  if (bodyClientId === undefined || bodyClientId === client.id) return undefined;
  return {
    refusal: 'client_id_mismatch',
    step: 'client',
    expected: `client_id ${client.id}, as in the Authorization header, or none`,
    seen: 'another client_id in the body',
    clientId: client.id,
  };
}

/** The matrix of client switch, listener and certificate. */
function judgeCertificate(
  { peer, mtlsUrl, now }: ClientRequest,
  client: ClientFacts,
): CertificateBinding | null | Refusal {
  const expected = `a certificate registered for client ${client.id} and in force (${client.certificates.size} registered)`;
  if (peer === 'not-asked') {
    if (!client.mtlsRequired) return null;
    const seen = 'a request on the listener without client certificates';
    return {
      refusal: 'mtls_required',
      step: 'peer',
      expected: `a request at ${mtlsUrl} with ${expected}`,
      seen,
      parameters: { mtlsUrl },
    };
  }
  if (peer === null) {
    if (!client.mtlsRequired) return null;
    return {
      refusal: 'certificate_missing',
      step: 'peer',
      expected,
      seen: 'a TLS connection without a client certificate',
    };
  }
  const registered = client.certificates.get(peer.thumbprint);
  if (registered === undefined) {
    return { refusal: 'certificate_not_registered', step: 'peer', expected, seen: describePeer(peer) };
  }
  const verdict = decideRegisteredCertificate(registered, now);
  if (!verdict.accepted) {
    const { code, seen, parameters } = verdict;
    return { refusal: code, step: 'peer', expected, seen, parameters };
  }
  return { certificateId: registered.id, thumbprint: registered.thumbprint };
}
