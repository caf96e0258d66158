import { environments } from '@tollward/protocol';
import { Option } from 'commander';
import type { Cli } from './cli.js';
import { exitCodes } from './exit-codes.js';

interface ServeOptions {
  readonly environment?: string;
  readonly portBase?: string;
  readonly host?: string;
  readonly logLevel?: string;
}

export function addServeCommand({ program, context, run }: Cli): void {
  program
    .command('serve')
    .description('run one node of an installation on PostgreSQL; any number of them share a database')
    .addOption(
      new Option('--environment <name>', 'what this node serves (default: both)').choices([...environments, 'both']),
    )
    .option('--port-base <number>', 'first of the ports; 0 lets the system choose them')
    .option('--host <address>', 'address the listeners bind to')
    .option('--log-level <level>', 'debug, info, warn, error or silent')
    .action(({ environment, portBase, host, logLevel }: ServeOptions) =>
      run(async (load) => {
        await context.startServe(load({ environment, portBase, host, logLevel }));
        return { exitCode: exitCodes.ok };
      }),
    );
}
