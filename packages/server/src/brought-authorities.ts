// The partner authorities that the settings name: opened at the start, said in the log, and noted in the audit.

import { environments } from '@tollward/protocol';
import {
  type BroughtAuthorities,
  canSign,
  noteBroughtAuthority,
  noticeDays,
  openBroughtAuthorities,
} from './certificates/index.js';
import type { Settings } from './platform/config/settings.js';
import type { Database } from './platform/database/database.js';
import type { Log } from './platform/observability/log.js';
import type { RandomBytes } from './platform/random.js';

const dayMs = 86_400_000;

/** @throws BroughtAuthorityError when one of them can not be used, whatever the time is */
export function readBrought(settings: Settings): Promise<BroughtAuthorities> {
  return openBroughtAuthorities({
    sandbox: { certificatePem: settings.sandboxPartnerCaCertificate, keyPem: settings.sandboxPartnerCaKey },
    production: { certificatePem: settings.productionPartnerCaCertificate, keyPem: settings.productionPartnerCaKey },
  });
}

/** @throws BroughtAuthorityError as readBrought */
export async function openBrought(
  settings: Settings,
  now: number,
  {
    database,
    log: { logger },
    random,
  }: { readonly database: Database; readonly log: Log; readonly random: RandomBytes },
): Promise<BroughtAuthorities> {
  const brought = await readBrought(settings);
  for (const environment of environments) {
    const authority = brought[environment];
    if (authority === undefined) continue;
    const { facts, validity } = authority;
    const which = {
      environment,
      sha256: facts.sha256.toString('hex'),
      subject: facts.subject,
      notBefore: new Date(validity.notBefore),
      notAfter: new Date(validity.notAfter),
    };
    logger.info(which, 'partner certificates are signed by a brought authority');
    if (!canSign(authority, now)) {
      logger.error(
        which,
        'the brought authority is not valid now, so it signs nothing: name another one in the settings',
      );
    } else if (validity.notAfter - now < noticeDays[0] * dayMs) {
      logger.warn(which, 'the brought authority ends soon: name its successor in the settings');
    }
    await noteBroughtAuthority(database, environment, authority, now, random);
  }
  return brought;
}
