import type { Cli } from './cli.js';
import { exitCodes } from './exit-codes.js';

interface DevOptions {
  readonly portBase?: string;
  readonly host?: string;
  readonly logLevel?: string;
  readonly endWithStdin?: true;
}

export function addDevCommand({ program, context, run }: Cli): void {
  program
    .command('dev')
    .description('start everything on this machine, with two example partners, and print what to try')
    .option('--port-base <number>', 'first of the ports; 0 lets the system choose them')
    .option('--host <address>', 'address the listeners bind to')
    .option('--log-level <level>', 'debug, info, warn, error or silent')
    .option('--end-with-stdin', 'end when the standard input ends, for programs that start it')
    .action(({ portBase, host, logLevel, endWithStdin }: DevOptions) =>
      run(async (load) => {
        await context.startDev(load({ portBase, host, logLevel }), { endWithStdin: endWithStdin === true });
        return { exitCode: exitCodes.ok };
      }),
    );
}
