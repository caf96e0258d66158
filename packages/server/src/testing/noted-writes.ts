// An operator who changes things on a server that may die at any moment, and notes what was acknowledged. The notebook is
// the oracle of the tests of durability: it knows answers only, nothing of how they are stored.

import type { z } from 'zod';
import { createClientKeyAndCsr } from '../certificates/index.js';
import { askManagement, type ManagementRequest } from '../cli/management-client.js';
import { addedCertificateSchema } from '../surfaces/management/schemas/certificates.js';
import { clientDetailsSchema, createdClientSchema } from '../surfaces/management/schemas/clients.js';
import { revocationSchema } from '../surfaces/management/schemas/common.js';
import { rotatedSecretSchema } from '../surfaces/management/schemas/secrets.js';

export interface NotedCredential {
  readonly id: string;
  /** The secret, or the certificate with its issuer in PEM. */
  readonly value: string;
  state: 'in force' | 'replaced' | 'revoked';
}

export interface NotedClient {
  readonly id: string;
  readonly secrets: NotedCredential[];
  readonly certificates: NotedCredential[];
  revoked: boolean;
  /** The answer to a change never came, so it was made or not. What was noted before holds anyway. */
  inDoubt: boolean;
}

export interface Notebook {
  readonly clients: NotedClient[];
  acknowledged: number;
  /** Of every certificate in the notebook. */
  readonly keyPem: string;
  readonly csrPem: string;
}

export async function openNotebook(): Promise<Notebook> {
  return { clients: [], acknowledged: 0, ...(await createClientKeyAndCsr({ organisation: 'Example' })) };
}

export interface Writing {
  /** The data directory of the running server. */
  readonly dataDirectory: string;
  readonly notebook: Notebook;
  /** How many requests are under way at a time. */
  readonly atOnce: number;
  /** Aborted just before the server is killed: from then on a request that fails is the end, and no fault. */
  readonly killed: AbortSignal;
  readonly onAcknowledged: () => void;
}

/** Creates, rotates and revokes until the server is gone. Resolves when every request has its answer or never will. */
export async function keepWriting(writing: Writing): Promise<void> {
  const work = async (): Promise<void> => {
    try {
      for (;;) await liveOnce(writing);
    } catch (error) {
      if (!writing.killed.aborted) throw error;
    }
  };
  await Promise.all(Array.from({ length: writing.atOnce }, work));
}

/** The life of a client, from its creation to its revocation. */
async function liveOnce({ dataDirectory, notebook, onAcknowledged }: Writing): Promise<void> {
  const acknowledge = (): void => {
    notebook.acknowledged += 1;
    onAcknowledged();
  };
  const name = `client ${crypto.randomUUID()}`;
  const created = await post(dataDirectory, '/clients', createdClientSchema, {
    ...{ environment: 'sandbox', organisation: 'Example', name, csr: notebook.csrPem },
  });
  const first = inForce(created.client.secrets[0]?.id, created.secret);
  const firstCertificate = inForce(created.certificate?.id, created.certificate?.chainPem);
  const { id } = created.client;
  const client: NotedClient = {
    ...{ id, secrets: [first], certificates: [firstCertificate], revoked: false, inDoubt: false },
  };
  notebook.clients.push(client);
  acknowledge();

  const change = async <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    body: object | undefined,
    note: (answer: z.output<Schema>) => void,
  ): Promise<void> => {
    client.inDoubt = true;
    note(await post(dataDirectory, path, schema, body));
    client.inDoubt = false;
    acknowledge();
  };
  const rotate = (overlapSeconds: number, end: () => void): Promise<void> =>
    change(`/clients/${id}/secrets`, rotatedSecretSchema, { overlapSeconds }, (made) => {
      client.secrets.push(inForce(made.id, made.secret));
      end();
    });
  const revoke = (path: string, end: () => void): Promise<void> =>
    change(`${path}/revocation`, revocationSchema, undefined, end);

  await rotate(0, () => {
    first.state = 'replaced';
  });
  const further = { name: 'further', csr: notebook.csrPem };
  await change(`/clients/${id}/issued-certificates`, addedCertificateSchema, further, ({ certificate, chainPem }) => {
    client.certificates.push(inForce(certificate.id, chainPem));
  });
  await revoke(`/certificates/${firstCertificate.id}`, () => {
    firstCertificate.state = 'revoked';
  });
  await rotate(3_600, () => undefined);
  const [, ending] = client.secrets;
  if (ending === undefined) throw new Error('the rotated secret was not noted');
  await revoke(`/secrets/${ending.id}`, () => {
    ending.state = 'revoked';
  });
  await revoke(`/clients/${id}`, () => {
    client.revoked = true;
  });
}

function inForce(id: string | undefined, value: string | undefined): NotedCredential {
  if (id === undefined || value === undefined) throw new Error('the answer lacks what was asked for');
  return { id, value, state: 'in force' };
}

/** What was acknowledged and is not so, in words. Empty when nothing is lost. */
export async function findLost(dataDirectory: string, clients: readonly NotedClient[]): Promise<string[]> {
  const lost: string[] = [];
  for (const client of clients) {
    const answer = await askManagement(dataDirectory, {
      ...{ method: 'GET', path: `/clients/${client.id}`, answer: clientDetailsSchema },
    });
    if (!answer.ok) {
      lost.push(`${client.id} is not there: ${answer.outcome.problem?.message}`);
      continue;
    }
    const found = answer.value;
    if (client.revoked && found.revokedAt === null) lost.push(`${client.id} is not revoked`);
    for (const noted of [...client.secrets, ...client.certificates]) {
      const credential = [...found.secrets, ...found.certificates].find(({ id }) => id === noted.id);
      const ends: readonly string[] = noted.state === 'replaced' ? ['replaced', 'revoked'] : [noted.state];
      if (credential === undefined) lost.push(`${noted.id} of ${client.id} is not there`);
      else if (noted.state !== 'in force' && !ends.includes(credential.state)) {
        lost.push(`${noted.id} of ${client.id} is ${credential.state} and not ${noted.state}`);
      }
    }
  }
  return lost;
}

async function post<Schema extends z.ZodType>(
  dataDirectory: string,
  path: string,
  answer: Schema,
  body?: object,
): Promise<z.output<Schema>> {
  const request: ManagementRequest<Schema> = { method: 'POST', path, answer, body };
  const answered = await askManagement(dataDirectory, request);
  if (answered.ok) return answered.value;
  throw new Error(`${path}: ${JSON.stringify(answered.outcome)}`);
}
