// What failed in a TLS handshake and what to do about it, by the codes of Node and OpenSSL. Node 20 and 24 write some alerts
// differently (`SSLV3_ALERT_BAD_CERTIFICATE`, `SSL/TLS_ALERT_BAD_CERTIFICATE`), so they are told by the end of the code.

const untrusted =
  'its certificate comes from an authority that is not trusted here. Give the certificate of that authority as `ca`, or name its file in NODE_EXTRA_CA_CERTS. If the server is a public one, a proxy in between may show a certificate of its own.';
const notTls =
  'what answers there does not speak TLS. Check the port; an address with http:// is for test servers on this machine only.';
const noCommonVersion =
  'it offers neither TLS 1.2 nor TLS 1.3, and nothing older is safe. Its operator has to update it.';

/** Of the checks of the certificate of the server (`X509_V_ERR_...` of OpenSSL), and of our side of the handshake. */
const faults: ReadonlyMap<string, string> = new Map([
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'its certificate was signed by itself. When that is right, as for a test server, give this certificate as `ca`.',
  ],
  ['SELF_SIGNED_CERT_IN_CHAIN', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', untrusted],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', untrusted],
  [
    'CERT_HAS_EXPIRED',
    'its certificate, or that of its authority, expired. If the clock of this machine is right, its operator has to renew it.',
  ],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet. The clock of this machine may be wrong: set it.'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', notTls],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', notTls],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', noCommonVersion],
]);

const certificateRefused =
  'Check that the client certificate in `mtls` is the one registered for this client in this environment.';

/** Alerts of the server (RFC 8446 section 6.2) on the client certificate, and so from before it reads a request. */
const certificateAlerts: ReadonlyMap<string, string> = new Map([
  ['CERTIFICATE_REQUIRED', 'it wants a client certificate, and there was none. Give one as `mtls`.'],
  ['UNKNOWN_CA', `it does not know the authority of the client certificate. ${certificateRefused}`],
  ['BAD_CERTIFICATE', `it did not accept the client certificate. ${certificateRefused}`],
  ['UNSUPPORTED_CERTIFICATE', `it does not take this kind of client certificate. ${certificateRefused}`],
  ['CERTIFICATE_UNKNOWN', `it did not accept the client certificate. ${certificateRefused}`],
  ['CERTIFICATE_EXPIRED', 'it says that the client certificate expired. Get a new one issued and give it as `mtls`.'],
  [
    'CERTIFICATE_REVOKED',
    'it says that the client certificate was revoked. Get a new one issued and give it as `mtls`.',
  ],
  ['ACCESS_DENIED', `it does not let this client certificate in. ${certificateRefused}`],
  ['DECRYPT_ERROR', `it could not check the proof of the private key. ${certificateRefused}`],
]);

/** Its other alerts. */
const otherAlerts: ReadonlyMap<string, string> = new Map([
  [
    'HANDSHAKE_FAILURE',
    'it refused the handshake. Mostly that means that it wants a client certificate: give one as `mtls`.',
  ],
  ['PROTOCOL_VERSION', noCommonVersion],
  ['INSUFFICIENT_SECURITY', 'it wants stronger ciphers or keys than this client offered.'],
  ['UNRECOGNIZED_NAME', 'it does not serve this host name. Check the address.'],
  ['INTERNAL_ERROR', 'it failed by itself. When that stays, its operator has to look at it.'],
]);

/** The rest of a sentence on the server, or undefined when the code is none of TLS. */
export function remedyForTls(code: string): string | undefined {
  const known = faults.get(code);
  if (known !== undefined) return known;
  return find(certificateAlerts, code) ?? find(otherAlerts, code);
}

export function isAboutClientCertificate(code: string): boolean {
  return find(certificateAlerts, code) !== undefined;
}

function find(alerts: ReadonlyMap<string, string>, code: string): string | undefined {
  if (!code.startsWith('ERR_SSL_')) return undefined;
  for (const [alert, remedy] of alerts) if (code.endsWith(`_${alert}`)) return remedy;
  return undefined;
}
