// The certificates that are ours and not a client's. They are few and known at the start, so nothing about them is stored.

import { X509Certificate } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import type { Logger } from 'pino';
import { variableName } from '../platform/config/settings.js';
import type { EnvironmentAuthorities } from './authority-store.js';
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

/** @param listenerChainPem what the listeners of the environment show: their certificate first */
export function listOwnCertificates(
  environment: Environment,
  { partner, platform }: EnvironmentAuthorities,
  listenerChainPem: string,
): readonly OwnCertificate[] {
  const read = (kind: OwnCertificate['kind'], pem: string): OwnCertificate => {
    const { subject, sha256, notAfter } = readCertificateFacts(new X509Certificate(pem).raw);
    // Only a brought authority says what follows its leaves.
    const brought = kind === 'partner_authority' && partner.issuingChainPem !== undefined;
    return { environment, kind, brought, subject, sha256: sha256.toString('hex'), notAfter };
  };
  // The root above our own partner authority outlives it by years, and nobody has it.
  const partnerPems = `${partner.issuingCertificatePem}${partner.issuingChainPem ?? ''}`.match(certificateBlock) ?? [];
  return [
    ...[...new Set(partnerPems)].map((pem) => read('partner_authority', pem)),
    read('platform_authority', platform.rootCertificatePem),
    read('platform_authority', platform.issuingCertificatePem),
    read('listener', listenerChainPem),
  ];
}

function describeRemedy({ environment, kind, brought }: OwnCertificate): string {
  const settings = `${variableName(`${environment}PartnerCaCertificate`)} and ${variableName(`${environment}PartnerCaKey`)}`;
  switch (kind) {
    case 'listener':
      return 'restart the server, which makes a new one';
    case 'platform_authority':
      return 'this version has no command that renews it, and partners refuse our listeners when it is over';
    case 'partner_authority':
      return brought
        ? `name its successor in ${settings} and restart`
        : `this version has no command that renews it; to sign with an authority of yours instead, name it in ${settings} and restart`;
  }
}

/** Gives each notice once in the life of the process. */
export function createOwnExpiryNotices(certificates: readonly OwnCertificate[], logger: Logger): (now: number) => void {
  const given = new Map<OwnCertificate, ExpiryNotice>();
  return (now) => {
    for (const certificate of certificates) {
      const { notAfter, ...which } = certificate;
      const notice = decideExpiryNotice(notAfter, given.get(certificate) ?? null, now);
      if (notice === undefined) continue;
      given.set(certificate, notice);
      const fields = { ...which, notAfter: new Date(notAfter), daysLeft: daysLeft(notAfter, now) };
      const remedy = describeRemedy(certificate);
      if (notice === 0) logger.error(fields, `a certificate of ours is over: ${remedy}`);
      else logger.warn(fields, `a certificate of ours ends soon: ${remedy}`);
    }
  };
}
