// RFC 6749 section 4.4, with the answer of the Wise Platform API.

import { createIsoTime } from '../../platform/iso-time.js';
import type { Grant } from './grant.js';

const isoTime = createIsoTime();

export const clientCredentialsGrant: Grant = {
  grantType: 'client_credentials',
  handle: ({ client, secretId, binding, tokenId, now }) => {
    const expiresAt = now + client.accessTokenLifetimeSeconds * 1_000;
    return {
      claims: {
        kind: 'client_credentials',
        tokenId,
        issuedAt: now,
        expiresAt,
        organisationGeneration: client.organisationGeneration,
        clientId: client.id,
        clientGeneration: client.generation,
        secretId,
        binding,
      },
      respond: (accessToken) => ({
        access_token: accessToken,
        token_type: 'bearer',
        // Rounded down: some of the first second is gone when the answer arrives.
        expires_in: client.accessTokenLifetimeSeconds - 1,
        scope: 'transfers',
        expires_at: isoTime(expiresAt),
      }),
    };
  },
};
