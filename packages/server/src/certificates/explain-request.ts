import { encodePem } from '@tollward/protocol/pem';
import { shown } from './certificate-facts.js';
import { decideCsr } from './certificate-request.js';
import type { CertificateInspection, InspectionCheck } from './explain-certificate.js';
import { isAcceptedKey, keyTypeOf } from './key-pair.js';
import { readRequest } from './x509.js';

/** Says what would become of a certificate request. */
export async function explainRequest(der: Buffer): Promise<CertificateInspection> {
  const request = await readRequest(der);
  const decision = await decideCsr(encodePem('CERTIFICATE REQUEST', der));
  const publicKey = request?.publicKey;
  const base = {
    kind: 'certificate-request',
    registrations: [],
    request: {
      subject: shown(request?.subject),
      keyType: publicKey === undefined ? 'unknown' : keyTypeOf(publicKey),
    },
  } as const;
  const checks: InspectionCheck[] = [
    { name: 'readable', ok: request !== undefined, detail: 'a certificate request' },
    { name: 'key', ok: publicKey !== undefined && isAcceptedKey(publicKey), detail: base.request.keyType },
    { name: 'request', ok: decision.ok, detail: decision.ok ? 'can be signed' : decision.problem },
  ];
  if (!decision.ok) {
    const verdict = 'This certificate request would not be signed.';
    return { ...base, checks, accepted: false, verdict, remedy: decision.remedy };
  }
  const { organisation, country } = decision.csr;
  const kept = `the organisation "${organisation}"${country === undefined ? '' : ` and the country ${country}`}`;
  return {
    ...base,
    checks,
    accepted: true,
    verdict: `It would be signed: of its subject ${kept} would be kept, the client id would become the common name, and everything else would be left out.`,
  };
}
