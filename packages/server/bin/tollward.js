#!/usr/bin/env node
// Committed plain JavaScript, so that a checkout without a build says what to do instead of failing with a stack trace.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`tollward needs Node 20.19 or newer, this is ${process.versions.node}.\n`);
  process.exit(2);
}
if (!existsSync(main)) {
  process.stderr.write('tollward is not built yet. Run "npm ci" and then "npm run build" in the repository.\n');
  process.exit(2);
}
await import(main.href);
