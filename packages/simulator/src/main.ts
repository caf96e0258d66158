// The program: a command line in, a server on 127.0.0.1 out.

import { Command, InvalidArgumentError, Option } from 'commander';
import { createSimulator, type LogEvent } from './create-simulator.js';

interface Flags {
  readonly environment: 'sandbox' | 'production';
  readonly port: number;
  readonly issuer: string;
  readonly keysUrl: string;
  readonly ca?: string;
  readonly journal?: string;
  readonly audience: string;
  readonly endWithStdin?: true;
}

/** For what is under way when we are asked to end. */
const longestEndMs = 2_000;
/** The command line can not be used, or names a port that somebody else has. */
const usageExitCode = 2;

const command = new Command('tollward-simulator')
  .description('A money API to put behind Tollward: everything it does is simulated')
  .addOption(new Option('--environment <name>').choices(['sandbox', 'production']).default('sandbox'))
  .requiredOption('--port <number>', 'where to listen on 127.0.0.1; 0 lets the system choose', readPort)
  .requiredOption('--issuer <url>', 'base URL of the gateway, which its assertions name')
  .requiredOption('--keys-url <url>', 'where the gateway publishes its keys')
  .option('--ca <file>', 'PEM of the authority that the gateway has its certificate from')
  .option('--journal <file>', 'keep what happens in this file; without it nothing survives the end')
  .option('--audience <name>', 'name that the gateway knows this API by', 'money')
  .option('--end-with-stdin', 'end when the standard input ends')
  .action(run)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : usageExitCode));

async function run({ environment, port, issuer, keysUrl, ca, journal, audience, endWithStdin }: Flags): Promise<void> {
  const keys = { url: keysUrl, caFile: ca };
  const simulator = await createSimulator({
    environment,
    issuer,
    keys,
    audience,
    log,
    // Whoever started us can start us again, from what is in the file.
    onJournalFailure: fail,
    ...(journal && { journal }),
  });
  const listening = await simulator.listen(port);
  process.stdout.write(`${JSON.stringify({ listening })}\n`);

  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), longestEndMs).unref();
    simulator.close().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  if (endWithStdin) process.stdin.on('end', end).on('error', end).resume();
}

function readPort(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw new InvalidArgumentError('a port is a number from 0 to 65535');
}

function log({ level, message, details }: LogEvent): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...details })}\n`);
}

function fail(error: unknown): void {
  const busy = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  log({ level: 'error', message: error instanceof Error ? error.message : String(error) });
  process.exit(busy ? usageExitCode : 1);
}

await command.parseAsync().catch(fail);
