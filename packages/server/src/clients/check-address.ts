import { formatAddressRange, isInRanges } from '../platform/listeners/address.js';
import type { Refusal } from '../refusals/index.js';
import type { ClientFacts } from './client-facts.js';

/** Whether a proved client may be used from this address. Token requests and protected calls ask alike. */
export function checkAddress(client: ClientFacts, address: string, step: 'peer' | 'binding'): Refusal | undefined {
  const { allowedAddresses, id } = client;
  if (allowedAddresses.length === 0 || isInRanges(address, allowedAddresses)) return undefined;
  return {
    refusal: 'address_not_allowed',
    step,
    expected: `a request from one of: ${allowedAddresses.map(formatAddressRange).join(', ')}`,
    seen: `a request from ${address}`,
    parameters: { address },
    clientId: id,
  };
}
