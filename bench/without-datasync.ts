// Loaded into a program with `node --import`: syncing the WAL does nothing then. The control of power-cut.ts.

import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const handle = await open(fileURLToPath(import.meta.url));
Object.defineProperty(Object.getPrototypeOf(handle), 'datasync', { value: async () => undefined });
await handle.close();
