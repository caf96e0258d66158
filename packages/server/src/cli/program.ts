// The command line as a whole: global options, exit codes, and the one place that prints what a command came to.

import { redactSecrets } from '@tollward/protocol';
import { Command, CommanderError } from 'commander';
import { BroughtAuthorityError, ServerCertificateError } from '../certificates/index.js';
import { SimulatorError } from '../dev/simulator-process.js';
import { loadSettings, SettingsError } from '../platform/config/load-settings.js';
import {
  DatabaseUnavailableError,
  DataDirectoryInUseError,
  ImportError,
  MigrationError,
  NoDatabaseError,
  UnsupportedDatabaseError,
} from '../platform/database/database-errors.js';
import { MasterKeyError } from '../platform/keys/master-key.js';
import { PortInUseError } from '../platform/listeners/listen.js';
import { ManagementSocketError } from '../platform/listeners/management-socket.js';
import { addAuditCommand } from './audit.js';
import { addCertsCommand } from './certs.js';
import { type CliContext, failed, type LoadSettings, type Outcome } from './cli.js';
import { addClientsCommand } from './clients.js';
import { addConfigCommand } from './config.js';
import { addDevCommand } from './dev.js';
import { addDoctorCommand } from './doctor.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { addExplainCommand } from './explain.js';
import { addExportCommand } from './export.js';
import { addFaultsCommand } from './faults.js';
import { addImportCommand } from './import.js';
import { addKeysCommand } from './keys.js';
import { addMigrateCommand } from './migrate.js';
import { addPolicyCommand } from './policy-command.js';
import { addSecretsCommand } from './secrets.js';
import { addServeCommand } from './serve.js';
import { addTokenCommand } from './token.js';

/** Runs one command line, without the names of node and of the program, and resolves to what the shell is told. */
export async function runProgram(words: readonly string[], context: CliContext): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = new Command('tollward')
    .description('OAuth 2.0 over mutual TLS and an enforcing gateway, in one program')
    .version(context.version)
    .option('--json', 'print JSON instead of text')
    .option('--data-dir <folder>', 'data directory (default: TOLLWARD_DATA_DIR, else ./.tollward)')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError(whereHelpIs)
    .exitOverride();
  const asJson = (): boolean => program.opts<{ json?: true }>().json === true;
  program.configureOutput({
    writeOut: context.writeOut,
    writeErr: (text) => {
      if (!asJson()) context.writeError(withoutSecrets(text));
    },
  });

  const load: LoadSettings = (flags) => {
    const { dataDir } = program.opts<{ dataDir?: string }>();
    const { variables, workingDirectory } = context;
    return loadSettings({ flags: { ...flags, dataDir }, variables, workingDirectory });
  };
  const run = async (work: (load: LoadSettings) => Promise<Outcome>): Promise<void> => {
    const outcome = await work(load).catch(describeError);
    exitCode = outcome.exitCode;
    print(outcome, asJson(), context);
  };

  const cli = { program, context, run };
  addDevCommand(cli);
  addServeCommand(cli);
  addClientsCommand(cli);
  addSecretsCommand(cli);
  addCertsCommand(cli);
  addTokenCommand(cli);
  addKeysCommand(cli);
  addExplainCommand(cli);
  addFaultsCommand(cli);
  addAuditCommand(cli);
  addConfigCommand(cli);
  addPolicyCommand(cli);
  addDoctorCommand(cli);
  addMigrateCommand(cli);
  addExportCommand(cli);
  addImportCommand(cli);
  program.addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 failure, 2 usage or settings, 3 refused, 4 not found, 5 conflict.',
  );

  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.ok;
    // As text, commander has said it.
    if (asJson()) print(describeUsageError(error), true, context);
    return exitCodes.usage;
  }
  return exitCode;
}

function print({ exitCode, output, problem }: Outcome, asJson: boolean, context: CliContext): void {
  if (output !== undefined) context.writeOut(`${asJson ? JSON.stringify(output.json, undefined, 2) : output.text}\n`);
  if (problem === undefined) return;
  const { message, details } = problem;
  context.writeError(`${asJson ? JSON.stringify({ error: { exitCode, message, ...details } }) : message}\n`);
}

const whereHelpIs = 'Run with --help to see what there is.';

function describeUsageError({ code, message }: CommanderError): Outcome {
  // A noun without its verb: commander's answer is the help, and its message says only so.
  const text = code === 'commander.help' ? 'The command is not complete.' : withoutSecrets(message).trimEnd();
  return failed(exitCodes.usage, `${text} ${whereHelpIs}`);
}

/** Commander repeats what it does not understand, and that can be a secret or a key pasted into the wrong place. */
function withoutSecrets(text: string): string {
  return redactSecrets(text).replace(/-----BEGIN[\s\S]*/, '[PEM]\n');
}

const usageErrors = [
  SettingsError,
  BroughtAuthorityError,
  ServerCertificateError,
  PortInUseError,
  ManagementSocketError,
  MasterKeyError,
  UnsupportedDatabaseError,
];
const expectedErrors = [
  DataDirectoryInUseError,
  DatabaseUnavailableError,
  ImportError,
  MigrationError,
  NoDatabaseError,
  SimulatorError,
];

const noSchema =
  'Run "tollward migrate up", and see that the role of TOLLWARD_DATABASE_URL has the search_path of the role that ran it.';
/** By SQLSTATE: what the operator of the database left out, and not a fault of the program. */
const schemaRemedies: ReadonlyMap<string, string> = new Map([
  [
    '42501',
    'Give the role of TOLLWARD_DATABASE_URL its rights on the schema: see "A role for nodes" in the guide to operating.',
  ],
  ['3F000', noSchema],
  ['42P01', noSchema],
]);

function describeError(error: unknown): Outcome {
  if (!(error instanceof Error)) return failed(exitCodes.failure, 'Something was thrown that is no error.');
  if (usageErrors.some((kind) => error instanceof kind)) return failed(exitCodes.usage, error.message);
  const remedy = 'code' in error ? schemaRemedies.get(String(error.code)) : undefined;
  if (remedy !== undefined) {
    return failed(exitCodes.failure, redactSecrets(`The database refuses this: ${error.message}. ${remedy}`));
  }
  // The system's own refusals, such as a full disk, say what and where.
  const expected = expectedErrors.some((kind) => error instanceof kind) || 'syscall' in error;
  if (expected) return failed(exitCodes.failure, redactSecrets(error.message));
  return failed(exitCodes.failure, `This should not happen: ${redactSecrets(error.stack ?? error.message)}`);
}
