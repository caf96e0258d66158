// Where the program of @tollward/server is: beside the application that runs the tests, else beside this package.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SandboxError } from './sandbox-error.js';

const manifest = '@tollward/server/package.json';

/** @throws SandboxError when it is not installed */
export function findServerProgram(workingDirectory: string, here: string = import.meta.url): string {
  for (const from of [join(workingDirectory, 'package.json'), here]) {
    try {
      return join(dirname(createRequire(from).resolve(manifest)), 'bin', 'tollward.js');
    } catch {
      // The next place may have it.
    }
  }
  throw new SandboxError(
    'startSandbox needs the package @tollward/server, which is not installed. Install it as a development dependency, in the ' +
      'version of @tollward/client: npm install --save-dev @tollward/server',
  );
}
