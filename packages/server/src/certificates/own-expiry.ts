// The certificates that are ours and not a client's. They are few and at hand, so nothing about them is stored.

import { X509Certificate } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { Logger } from 'pino';
import { variableName } from '../platform/config/settings.js';
import type { EnvironmentAuthorities } from './authorities.js';
import { readCertificateFacts } from './certificate-facts.js';
import { daysLeft, decideExpiryNotice, type ExpiryNotice } from './decide-expiry-notice.js';

export interface OwnCertificate {
  readonly environment: Environment;
  readonly kind: 'partner_authority' | 'platform_authority' | 'listener';
  /** Comes from the settings. */
  readonly brought: boolean;
  readonly subject: string;
  /** Hex. */
  readonly sha256: string;
  readonly notAfter: number;
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @param listener what the listeners of the environment show: their certificate first */
export function listOwnCertificates(
  environment: Environment,
  authorities: EnvironmentAuthorities,
  listener: { readonly chainPem: string; readonly brought: boolean },
  now: number,
): readonly OwnCertificate[] {
  const [partner, platform] = [authorities.partner(now), authorities.platform(now)];
  const read = (kind: OwnCertificate['kind'], pem: string, brought = false): OwnCertificate => {
    const { subject, sha256, notAfter } = readCertificateFacts(new X509Certificate(pem).raw);
    return { environment, kind, brought, subject, sha256: sha256.toString('hex'), notAfter };
  };
  // The root above our own partner authority outlives it by years, and nobody has it.
  const partnerPems = `${partner.issuingCertificatePem}${partner.issuingChainPem ?? ''}`.match(certificateBlock) ?? [];
  const shownPems = listener.chainPem.match(certificateBlock) ?? [];
  return [
    // Only a brought authority says what follows its leaves.
    ...[...new Set(partnerPems)].map((pem) => read('partner_authority', pem, partner.issuingChainPem !== undefined)),
    read('platform_authority', platform.rootCertificatePem),
    read('platform_authority', platform.issuingCertificatePem),
    // Above a certificate of our own is the platform authority.
    ...(listener.brought ? shownPems : shownPems.slice(0, 1)).map((pem) => read('listener', pem, listener.brought)),
  ];
}

function describeRemedy({ environment, kind, brought }: OwnCertificate): string {
  switch (kind) {
    case 'listener':
      return brought
        ? `put its successor into ${both(environment, 'Server')}; files are read again without a restart`
        : 'the server makes a new one by itself: look in this log for what keeps it from that';
    case 'platform_authority':
      return 'make the next one with "tollward keys rotate platform-ca", in time for partners to trust it first';
    case 'partner_authority':
      return brought
        ? `name its successor in ${both(environment, 'PartnerCa')} and restart`
        : 'make the next one with "tollward keys rotate partner-ca"';
  }
}

function both(environment: Environment, what: 'PartnerCa' | 'Server'): string {
  return `${variableName(`${environment}${what}Certificate`)} and ${variableName(`${environment}${what}Key`)}`;
}

/** Gives each notice once in the life of the process. */
export function createOwnExpiryNotices(logger: Logger): (certificates: readonly OwnCertificate[], now: number) => void {
  const given = new Map<string, ExpiryNotice>();
  return (certificates, now) => {
    for (const certificate of certificates) {
      const { notAfter, ...which } = certificate;
      const place = `${which.environment} ${which.kind} ${which.sha256}`;
      const notice = decideExpiryNotice(notAfter, given.get(place) ?? null, now);
      if (notice === undefined) continue;
      given.set(place, notice);
      const fields = { ...which, notAfter: new Date(notAfter), daysLeft: daysLeft(notAfter, now) };
      const remedy = describeRemedy(certificate);
      if (notice === 0) logger.error(fields, `a certificate of ours is over: ${remedy}`);
      else logger.warn(fields, `a certificate of ours ends soon: ${remedy}`);
    }
  };
}
