// One worker: a client for as long as the thread lives. It fetches its token with the first job and renews it by itself.

import { env } from 'node:process';
import { parentPort } from 'node:worker_threads';
import { PartnerClient, PartnerClientError } from '@tollward/client';
import type { Job, Result } from './jobs.js';

const { MTLS_URL = '', CLIENT_ID = '', CLIENT_SECRET = '', CLIENT_CERT = '', CLIENT_KEY = '', CA_FILE = '' } = env;
const client = new PartnerClient({
  environment: { baseUrl: MTLS_URL, name: 'sandbox' },
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  mtls: { cert: CLIENT_CERT, key: CLIENT_KEY },
  ca: CA_FILE,
});

async function findRate(job: Job): Promise<Result> {
  try {
    const { body } = await client.get<{ rate: number }[]>('/v1/rates', { query: { ...job } });
    const [first] = body;
    return first === undefined ? { job, problem: 'no rate' } : { job, rate: first.rate };
  } catch (error) {
    if (!(error instanceof PartnerClientError)) throw error;
    // The client has repeated what may be repeated. With the trace id the operator finds out why.
    return { job, problem: `${error.message} (${error.kind}, trace id ${error.traceId})` };
  }
}

async function takeJob(job: Job | undefined): Promise<void> {
  if (job !== undefined) {
    parentPort?.postMessage(await findRate(job));
    return;
  }
  await client.close();
  parentPort?.close();
}

parentPort?.on('message', (job: Job | undefined) => void takeJob(job));
