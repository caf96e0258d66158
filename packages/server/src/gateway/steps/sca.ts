// Strong customer authentication can not be asked for yet. What would need it is refused, without the headers of a challenge
// (x-2fa-approval): a client would begin an exchange that has no end.

import type { ClientFacts } from '../../clients/index.js';
import type { Refusal } from '../../refusals/index.js';
import { decideSca } from '../decide-access.js';
import type { RouteRules } from '../policy/policy.js';
import type { ProfileFacts } from '../profile-directory.js';
import type { ProtectedCall } from '../protected-call.js';

export function checkSca(
  { environment }: ProtectedCall,
  { sca }: RouteRules,
  profile: ProfileFacts | null,
  { id: clientId, scaOff }: ClientFacts,
  unsafeNoSca: boolean,
): Refusal | undefined {
  if (sca === null) return undefined;
  const country = profile?.country ?? null;
  if (decideSca(sca, country, { environment, scaOff, unsafeNoSca }) === 'not needed') return undefined;
  return {
    refusal: 'sca_not_available',
    step: 'sca',
    expected: `strong customer authentication, level ${sca.level}`,
    seen: `none, for ${profile === null ? 'a profile that the route does not name' : `profile ${profile.id} of ${profile.country}`}`,
    clientId,
  };
}
