// Code that is written for fetch, with the certificate and the token of a client.

import { env } from 'node:process';
import { PartnerClient } from '@tollward/client';

const { MTLS_URL = '', CLIENT_ID = '', CLIENT_SECRET = '', CLIENT_CERT = '', CLIENT_KEY = '', CA_FILE = '' } = env;
const client = new PartnerClient({
  environment: { baseUrl: MTLS_URL, name: 'sandbox' },
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  mtls: { cert: CLIENT_CERT, key: CLIENT_KEY },
  ca: CA_FILE,
});

interface Rate {
  readonly rate: number;
}

async function getRate(fetch: PartnerClient['fetch'], source: string, target: string): Promise<number | undefined> {
  const response = await fetch(`/v1/rates?source=${source}&target=${target}`);
  // As always with fetch, a refusal is an answer too.
  if (!response.ok) throw new Error(`${response.status}, trace id ${response.headers.get('x-trace-id')}`);
  const [first] = (await response.json()) as Rate[];
  return first?.rate;
}

console.log(`GBP to EUR: ${await getRate(client.fetch, 'GBP', 'EUR')}`);
await client.close();
