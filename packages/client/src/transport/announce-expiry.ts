import type { ClientEvent } from '../options.js';
import type { CertificateFacts } from './transport.js';

const dayMs = 86_400_000;
const firstToldDays = 30;

/** Says that a certificate ends soon, at most once a day for each. */
export function announceExpiry(onEvent: (event: ClientEvent) => void) {
  const toldAt = new Map<string, number>();
  return (certificate: CertificateFacts | null, now: number): void => {
    if (certificate === null) return;
    const { subject, thumbprint, validTo } = certificate;
    const left = validTo.getTime() - now;
    if (left > firstToldDays * dayMs || now - (toldAt.get(thumbprint) ?? Number.NEGATIVE_INFINITY) < dayMs) return;
    toldAt.set(thumbprint, now);
    onEvent({ type: 'certificate:expiring', subject, thumbprint, validTo, daysLeft: Math.floor(left / dayMs) });
  };
}
