import { revocationSchema } from '../surfaces/management/schemas.js';
import { type Cli, done, type Outcome } from './cli.js';
import { askManagement } from './management-client.js';

export function addCertsCommand({ program, run }: Cli): void {
  const certs = program.command('certs').description('the certificates of clients');

  certs
    .command('revoke')
    .argument('<certificate-id>')
    .description('revoke a certificate for good, and with it every token bound to it')
    .action((id: string) => run(async (load) => revokeCertificate(load().settings.dataDir, id)));
}

async function revokeCertificate(dataDirectory: string, id: string): Promise<Outcome> {
  const path = `/certificates/${encodeURIComponent(id)}/revocation`;
  const answer = await askManagement(dataDirectory, { method: 'POST', path, answer: revocationSchema });
  if (!answer.ok) return answer.outcome;
  const text = answer.value.alreadyRevoked
    ? `Certificate ${id} was revoked before.`
    : `Certificate ${id} is revoked. Tokens that are bound to it are refused from now on.`;
  return done(text, { id, ...answer.value });
}
