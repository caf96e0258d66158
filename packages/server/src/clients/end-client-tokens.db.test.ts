// Ending all tokens of a client, on both engines, through the real standing.

import { beforeAll, expect, test } from 'vitest';
import { openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { endClientTokens } from './end-client-tokens.js';

describeOnEachEngine('ending the tokens of a client', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });
  const end = (clientId: string) => endClientTokens(clientId, 'operator', capabilities.time.now, capabilities);

  test('ends those it has, leaves those of others, and lets it get new ones', async () => {
    const { tokenOf, outcomeOfCall } = capabilities;
    const [client, other] = [await capabilities.makeClient('ended'), await capabilities.makeClient('not ended')];
    const before = await tokenOf(client.clientId, client.secret);
    const ofOther = await tokenOf(other.clientId, other.secret);
    expect([await outcomeOfCall(before), await outcomeOfCall(ofOther)]).toEqual(['admitted', 'admitted']);
    expect(await end(client.clientId)).toEqual({ clientId: client.clientId });
    expect([await outcomeOfCall(before), await outcomeOfCall(ofOther)]).toEqual(['token_revoked', 'admitted']);
    const after = await tokenOf(client.clientId, client.secret);
    expect([await outcomeOfCall(before), await outcomeOfCall(after)]).toEqual(['token_revoked', 'admitted']);
    expect((await capabilities.auditOf(client.clientId)).at(-1)).toEqual({
      action: 'client.tokens_revoked',
      details: { reason: 'asked for' },
    });
  });

  test('says so when there is no such client', async () => {
    expect(await end(`cli_${'0'.repeat(32)}`)).toBeUndefined();
  });
});
