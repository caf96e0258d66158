import { describe, expect, it } from 'vitest';
import { type Exchanges, familyOf, listContenders, type Servers } from './contenders.js';
import { quotesExchange, ratesExchange } from './gateway-exchanges.js';

const server = { pids: [1], targets: [] };
const servers: Servers = { bare: server, bareProxy: server, nginx: server, tollward: server };
const requests = { exchange: ratesExchange, tokensFile: null };
const exchanges: Exchanges = {
  token: requests,
  playground: requests,
  rates: requests,
  ratesWithNewTokens: requests,
  quotes: { ...requests, exchange: quotesExchange },
  streamAuthorization: 'Bearer token',
};

describe('listContenders', () => {
  it('compares everybody with a reference that does the same work and is measured again with them', () => {
    const contenders = listContenders(servers, exchanges);
    expect(new Set(contenders.map(({ label }) => label)).size).toBe(contenders.length);
    for (const { reference, work } of contenders) {
      if (reference === undefined) continue;
      const found = contenders.find(({ label }) => label === reference);
      expect(found?.reference).toBeUndefined();
      expect(found?.work).toEqual(work);
      expect(found && familyOf(found)).toBe(reference);
    }
  });

  it('leaves nginx out where there is none', () => {
    const labels = (list: Servers): readonly string[] => listContenders(list, exchanges).map(({ label }) => label);
    expect(labels(servers)).toContain('nginx + auth_request');
    expect(labels({ ...servers, nginx: undefined })).toEqual(
      labels(servers).filter((label) => label !== 'nginx + auth_request'),
    );
  });
});
