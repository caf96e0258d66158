// What `dev` needs so that the first call works: two organisations with one client and one certificate each, in both
// environments. Made once; a later start finds and reuses it.

import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Environment, environments } from '@tollward/protocol';
import { BroughtAuthorityError, createClientKeyAndCsr, decideCsr, platformRoots } from '../certificates/index.js';
import { type ClientFacts, createClient, type PolicyChanges, updateClient } from '../clients/index.js';
import type { RunningTollward, TollwardCore } from '../compose.js';
import { renderCallsFile } from './calls-file.js';
import { renderEnvFile } from './env-file.js';
import { type PartnerFiles, readPartnerFiles, writePartnerFiles } from './partner-files.js';
import { writePrivateFile } from './private-file.js';

interface ExamplePartner {
  readonly organisation: string;
  readonly folder: string;
  readonly policyOf: (environment: Environment) => PolicyChanges;
}

const first: ExamplePartner = {
  organisation: 'First Example Bank',
  folder: 'first-example-bank',
  policyOf: (environment) => ({ embeddedModel: true, scaOff: environment === 'sandbox' }),
};
/** Strong customer authentication stays on, to show what it refuses. */
const second: ExamplePartner = {
  organisation: 'Second Example Payments',
  folder: 'second-example-payments',
  policyOf: () => ({ embeddedModel: true }),
};

export interface SeededEnvironment {
  readonly caFile: string;
  readonly envFile: string;
  readonly callsFile: string;
  readonly partner: PartnerFiles;
  readonly other: PartnerFiles;
}

export async function seed(
  dataDir: string,
  tollward: RunningTollward,
): Promise<Readonly<Record<Environment, SeededEnvironment>>> {
  const seeded: Partial<Record<Environment, SeededEnvironment>> = {};
  for (const environment of environments) seeded[environment] = await seedEnvironment(dataDir, environment, tollward);
  return seeded as Record<Environment, SeededEnvironment>;
}

/** Where `writeTrustFile` puts what clients of the environment are to trust. */
export function trustFileOf(dataDir: string, environment: Environment): string {
  return join(dataDir, environment, 'ca.pem');
}

export async function writeTrustFile(dataDir: string, environment: Environment, core: TollwardCore): Promise<string> {
  const file = trustFileOf(dataDir, environment);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const roots = platformRoots(core.authorities.of(environment), core.clock());
  const written = await readFile(file, 'utf8').catch(() => undefined);
  if (written !== roots) await writePrivateFile(file, roots);
  return file;
}

async function seedEnvironment(
  dataDir: string,
  environment: Environment,
  tollward: RunningTollward,
): Promise<SeededEnvironment> {
  const { core } = tollward;
  const folder = join(dataDir, environment);
  const caFile = await writeTrustFile(dataDir, environment, core);

  const callsFile = join(folder, 'calls.sh');
  // The version before made neither this file nor clients of the embedded model.
  const olderVersion = !existsSync(callsFile);
  const [partner, other] = [
    await seedPartner(environment, first, join(folder, first.folder), olderVersion, core),
    await seedPartner(environment, second, join(folder, second.folder), olderVersion, core),
  ];
  const envFile = join(dataDir, `${environment}.env`);
  const urls = { api: tollward.urlOf(environment, 'api'), 'api-mtls': tollward.urlOf(environment, 'api-mtls') };
  await writePrivateFile(envFile, renderEnvFile({ urls, caFile, partner, other }));
  await writePrivateFile(callsFile, renderCallsFile({ url: urls['api-mtls'], caFile, partner, other }));
  return { caFile, envFile, callsFile, partner, other };
}

async function seedPartner(
  environment: Environment,
  { organisation, policyOf }: ExamplePartner,
  folder: string,
  olderVersion: boolean,
  core: TollwardCore,
): Promise<PartnerFiles> {
  const stored = await readPartnerFiles(folder);
  const facts = stored && (await findUsable(environment, stored.files.clientId, stored.thumbprint, core));
  if (stored !== undefined && facts !== undefined) {
    if (olderVersion) await bringUp(facts, policyOf(environment), core);
    return stored.files;
  }

  const now = core.clock();
  const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation });
  const csr = await decideCsr(csrPem);
  if (!csr.ok) throw new Error(`the seed's own certificate request was refused: ${csr.problem}`);
  // A secret can not be read back. Where the files of an earlier client are lost, a further client is made beside it.
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? 'worker' : `worker ${number}`;
    const command = {
      environment,
      organisationName: organisation,
      name,
      policy: policyOf(environment),
      csr: csr.csr,
      actor: 'tollward',
    } as const;
    const created = await createClient(command, now, core);
    if (!created.ok && created.problem === 'name-taken') continue;
    // A server that others use has to start, whether or not the examples work on it.
    if (!created.ok && stored !== undefined) return stored.files;
    if (!created.ok || created.certificate === undefined) throw new BroughtAuthorityError(noExamples(environment));
    const { clientId, secret, certificate } = created;
    return writePartnerFiles(folder, { clientId, secret, chainPem: certificate.chainPem, keyPem });
  }
}

function noExamples(environment: Environment): string {
  return `The partner CA of ${environment} is over or not valid yet, so no certificates can be made for the example partners.`;
}

/** A client of the version before gets the switches that it would be made with now, unless somebody set one of them. */
async function bringUp(facts: ClientFacts, changes: PolicyChanges, core: TollwardCore): Promise<void> {
  if (facts.embeddedModel || facts.scaOff) return;
  const command = { clientId: facts.id, changes, actor: 'tollward' } as const;
  const { database, random, standing } = core;
  await updateClient(command, core.clock(), { database, random, standingChanged: standing.invalidate });
}

/** The client of an earlier start, if it can still be used with the certificate in its folder. */
async function findUsable(
  environment: Environment,
  clientId: string,
  thumbprint: string,
  core: TollwardCore,
): Promise<ClientFacts | undefined> {
  const facts = await core.standing.confirm(environment, clientId);
  const certificate = facts?.certificates.get(thumbprint);
  const usable = facts?.revokedAt === null && certificate?.revokedAt === null && certificate.notAfter > core.clock();
  return usable ? facts : undefined;
}
