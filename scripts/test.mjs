// npm test and npm run test:system: one Vitest project. Without further arguments it is a full run, and then the
// requirements reporter also fails on a requirement that no test proves.
import { spawnSync } from 'node:child_process';

const [project, ...filters] = process.argv.slice(2);
const env = filters.length === 0 ? { ...process.env, TOLLWARD_FULL_RUN: '1' } : process.env;
const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...filters];
const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
process.exitCode = status ?? 1;
