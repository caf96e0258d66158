// What `dev` needs so that the first call works: two organisations with one client and one certificate each, in both
// environments. Made once; a later start finds and reuses it.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, environments } from '@tollward/protocol';
import { BroughtAuthorityError, createClientKeyAndCsr, decideCsr, platformRoots } from '../certificates/index.js';
import { createClient } from '../clients/index.js';
import type { RunningTollward, TollwardCore } from '../compose.js';
import { renderEnvFile } from './env-file.js';
import { type PartnerFiles, readPartnerFiles, writePartnerFiles } from './partner-files.js';
import { writePrivateFile } from './private-file.js';

const partners = [
  { organisation: 'First Example Bank', folder: 'first-example-bank' },
  { organisation: 'Second Example Payments', folder: 'second-example-payments' },
] as const;

export interface SeededEnvironment {
  readonly caFile: string;
  readonly envFile: string;
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

/** What clients of the environment are to trust. */
export async function writeTrustFile(dataDir: string, environment: Environment, core: TollwardCore): Promise<string> {
  const file = join(dataDir, environment, 'ca.pem');
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
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const caFile = await writeTrustFile(dataDir, environment, core);

  const [partner, other] = [
    await seedPartner(environment, partners[0].organisation, join(folder, partners[0].folder), core),
    await seedPartner(environment, partners[1].organisation, join(folder, partners[1].folder), core),
  ];
  const envFile = join(dataDir, `${environment}.env`);
  const urls = { api: tollward.urlOf(environment, 'api'), 'api-mtls': tollward.urlOf(environment, 'api-mtls') };
  await writePrivateFile(envFile, renderEnvFile({ urls, caFile, partner, other }));
  return { caFile, envFile, partner, other };
}

async function seedPartner(
  environment: Environment,
  organisation: string,
  folder: string,
  core: TollwardCore,
): Promise<PartnerFiles> {
  const stored = await readPartnerFiles(folder);
  if (stored !== undefined && (await isUsable(environment, stored.files.clientId, stored.thumbprint, core)))
    return stored.files;

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
      policy: {},
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

async function isUsable(
  environment: Environment,
  clientId: string,
  thumbprint: string,
  core: TollwardCore,
): Promise<boolean> {
  const facts = await core.standing.confirm(environment, clientId);
  const certificate = facts?.certificates.get(thumbprint);
  return facts?.revokedAt === null && certificate?.revokedAt === null && certificate.notAfter > core.clock();
}
