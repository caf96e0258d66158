// `npm run bench -- --nodes`: what a second node costs and what it brings. Both are processes of `tollward serve` on one
// PostgreSQL database.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestPostgres } from '@tollward/server/testing';
import type { ChildProcesses } from './child-processes.js';
import type { Contender, Server } from './contenders.js';
import { ratesExchange } from './gateway-exchanges.js';
import { measureAll, say } from './measure.js';
import type { BenchOptions } from './options.js';
import { startOwnProgram } from './own-programs.js';
import { formatTable, judge } from './report.js';
import { fetchTokens } from './tokens.js';
import {
  gatewaySettings,
  type Partner,
  type RunningProgram,
  readPartner,
  runCommand,
  startProgram,
  tokenExchange,
} from './tollward.js';

const ROTATING_TOKENS = 1_000;
/** Distance of a port from the base. */
const API_PORT_OFFSET = 3;
const MTLS_PORT_OFFSET = 4;

interface Installation {
  readonly children: ChildProcesses;
  readonly directory: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Returns whether every answer was good. */
export async function compareNodes(
  { children, directory }: Omit<Installation, 'settings'>,
  options: BenchOptions,
  serverUrl: string,
): Promise<boolean> {
  const postgres = await createTestPostgres(serverUrl);
  try {
    const upstream = await startOwnProgram(children, directory, {
      name: 'upstream',
      program: new URL('./upstream.js', import.meta.url),
      configuration: {},
      core: 1,
    });
    const settings = {
      ...gatewaySettings(`http://127.0.0.1:${upstream.port}`),
      TOLLWARD_MASTER_KEY: randomBytes(32).toString('base64'),
      TOLLWARD_DATABASE_URL: postgres.url,
    };
    runCommand(['migrate', 'up'], settings);
    say('Starting two nodes.');
    const installation = { children, directory, settings };
    const first = await startNode(installation, 'first');
    const second = await startNode(installation, 'second');
    const partner = await makePartner(first, installation);
    const tokensFile = join(directory, 'tokens');
    await fetchTokens(partner.target, tokenExchange(partner), ROTATING_TOKENS, tokensFile);

    const targets = [first, second].map(({ portBase }) => ({ ...partner.target, port: portBase + MTLS_PORT_OFFSET }));
    const one: Server = { pids: [first.pid], targets: targets.slice(0, 1) };
    const two: Server = { pids: [first.pid, second.pid], targets };
    const token = { exchange: tokenExchange(partner), tokensFile: null, mode: 'keep-alive' } as const;
    const gateway = { exchange: ratesExchange, tokensFile, mode: 'keep-alive' } as const;
    const contenders: readonly Contender[] = [
      { label: 'one node, token', server: one, work: token },
      { label: 'two nodes, token', server: two, work: token, reference: 'one node, token' },
      { label: 'one node, gateway', server: one, work: gateway },
      { label: 'two nodes, gateway', server: two, work: gateway, reference: 'one node, gateway' },
    ];
    const outputFiles = [first.outputFile, second.outputFile];
    const rows = await measureAll({ children, contenders, outputFiles, options });
    say(`\n${formatTable(rows)}\n`);
    const faults = judge(rows);
    for (const { line } of faults) say(`FAIL  ${line}`);
    return faults.length === 0;
  } finally {
    await children.stopRunning();
    await postgres.drop();
  }
}

function startNode({ children, directory, settings }: Installation, name: string): Promise<RunningProgram> {
  const ownDirectory = join(directory, name);
  mkdirSync(ownDirectory);
  return startProgram({ children, directory: ownDirectory, settings }, (portBase) => ({
    words: ['serve', '--environment', 'sandbox', '--port-base', String(portBase)],
    settings: {
      TOLLWARD_SANDBOX_API_URL: `https://localhost:${portBase + API_PORT_OFFSET}`,
      TOLLWARD_SANDBOX_MTLS_URL: `https://localhost:${portBase + MTLS_PORT_OFFSET}`,
    },
    lastFile: 'management.json',
  }));
}

async function makePartner(node: RunningProgram, { directory, settings }: Installation): Promise<Partner> {
  const at = ['--data-dir', node.dataDirectory];
  const caFile = join(directory, 'ca.pem');
  const out = join(directory, 'partner');
  const sandbox = ['--environment', 'sandbox'];
  runCommand(
    [...at, 'clients', 'create', ...sandbox, '--organisation', 'Bench', '--name', 'bench', '--out', out],
    settings,
  );
  runCommand([...at, 'certs', 'platform', ...sandbox, '--out', caFile], settings);
  const server = `MTLS_URL=https://localhost:${node.portBase + MTLS_PORT_OFFSET}\nCA_FILE=${caFile}\n`;
  return readPartner(server + readFileSync(join(out, 'client.env'), 'utf8'), directory);
}
