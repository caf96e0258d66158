#!/usr/bin/env node
// Committed plain JavaScript, so that a checkout without a build says what to do instead of failing with a stack trace.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);

if (!existsSync(main)) {
  process.stderr.write(
    'tollward-simulator is not built yet. Run "npm ci" and then "npm run build" in the repository.\n',
  );
  process.exit(2);
}
await import(main.href);
