import { addAddCertificateCommands } from './add-certificate.js';
import type { Cli } from './cli.js';
import { addCsrCommand } from './create-csr.js';
import { addInspectCommand } from './inspect-certificate.js';
import { addListCertificatesCommand } from './list-certificates.js';
import { addPlatformCommand } from './platform-chain.js';
import { addRetireCommands } from './retire-credential.js';

export function addCertsCommand(cli: Cli): void {
  const certs = cli.program.command('certs').description('the certificates of clients, and of the platform');
  addCsrCommand(certs, cli);
  addAddCertificateCommands(certs, cli);
  addListCertificatesCommand(certs, cli);
  addInspectCommand(certs, cli);
  const kind = {
    word: 'Certificate',
    noun: 'certs',
    path: '/certificates',
    itsTokens: 'every token that is bound to it',
  };
  addRetireCommands(certs, kind, cli);
  addPlatformCommand(certs, cli);
}
