import type { ClientEvent } from '../options.js';
import type { CertificateFacts } from './transport.js';

const dayMs = 86_400_000;
const firstToldMs = 30 * dayMs;

/** Says that the certificate in use ends soon, once a day: in its last 30 days, or in the last third of a life shorter than 90. */
export function announceExpiry(onEvent: (event: ClientEvent) => void) {
  let told: { readonly thumbprint: string; readonly at: number } | undefined;
  return (certificate: CertificateFacts | null, now: number): void => {
    if (certificate === null) return;
    const { subject, thumbprint, validFrom, validTo } = certificate;
    const left = validTo.getTime() - now;
    if (left > Math.min(firstToldMs, (validTo.getTime() - validFrom.getTime()) / 3)) return;
    if (told?.thumbprint === thumbprint && now - told.at < dayMs) return;
    told = { thumbprint, at: now };
    onEvent({ type: 'certificate:expiring', subject, thumbprint, validTo, daysLeft: Math.floor(left / dayMs) });
  };
}
