// A whole Tollward for a test: a child process with a data directory, ports and a client of its own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvironmentName } from '../environments.js';
import type { PartnerClientOptions } from '../options.js';
import { createCredentials } from './credentials.js';
import { findServerProgram } from './find-server.js';
import { findPortBase, portDistances } from './free-ports.js';
import { textAt } from './read-answer.js';
import { PortTakenError, runCommand, type ServerOptions, type ServerProcess, startServer } from './server-process.js';

export interface SandboxOptions {
  /** How long access tokens live: 10 to 86 400. Default: 43 200, as the Wise API does it. */
  readonly tokenLifetimeSeconds?: number;
  /** Default: sandbox. */
  readonly environment?: EnvironmentName;
  /** Where the server keeps its data; it stays there. Left out: a temporary folder, removed at the end. */
  readonly dataDirectory?: string;
  /** Default: 60 000. The first start makes a database and keys. */
  readonly startTimeoutMs?: number;
  /** Told each line that the server prints. */
  readonly log?: (line: string) => void;
}

/** What becomes of a request: an answer, a connection that is cut, or silence. */
export type SandboxFault =
  | {
      /** 400 to 599. */
      readonly status: number;
      readonly retryAfterSeconds?: number;
      /** The `error` of the body. The `x-refusal-code` is left out then, as in an answer of somebody else. */
      readonly code?: string;
      /** JSON, instead of a body made of the code. */
      readonly body?: unknown;
    }
  | 'reset'
  | 'no-answer';

/** Which requests of the client a fault hits; what is left out matches all, token requests too. */
export interface FaultedRequests {
  /** How many of them. Default: 1. */
  readonly times?: number;
  readonly method?: string;
  /** A beginning of the path, such as `/oauth/token`. */
  readonly path?: string;
}

export interface RenewedCertificate {
  /** Base64url SHA-256 of the new certificate (RFC 8705 section 3.1). */
  readonly thumbprint: string;
  /** Revokes the certificate before it, and with it the tokens bound to that one. */
  revokeOld(): Promise<void>;
}

/** Why the server refused a request, in its words. */
export interface Explanation {
  readonly code: string;
  readonly status: number;
  readonly expected: string;
  readonly seen: string;
  readonly remedy: string;
}

export interface Sandbox {
  /** For `new PartnerClient(...)`. Secret and certificate are read where they are, so that a rotation reaches the client. */
  options(): PartnerClientOptions;
  /** Without a client certificate. */
  readonly baseUrl: string;
  /** Over mutual TLS. */
  readonly mtlsUrl: string;
  /** PEM of what signs the server's certificates. */
  readonly caFile: string;
  readonly clientId: string;
  /** Ends every token of the client. They are answered as expired ones are: 401 `invalid_token`. */
  expireTokens(): Promise<void>;
  /** Gives the client a new secret. The one before gets tokens for so long. Default: 3 600. */
  rotateSecret(rotation?: { readonly overlapSeconds?: number }): Promise<void>;
  /**
   * Gives the client a new key and certificate, in the same files. With `revokeOld` the one before is revoked at once, which a
   * client notices that has not read the files again; revoke it later to see none of it.
   */
  renewCertificate(renewal?: { readonly revokeOld?: boolean }): Promise<RenewedCertificate>;
  /** Makes the client's next requests fail. Faults are met in the order they were asked for; a restart forgets them. */
  failNext(fault: SandboxFault, requests?: FaultedRequests): Promise<void>;
  /** Stops the server and starts it on the same ports and data. */
  restart(): Promise<void>;
  /**
   * @param traceId of an error or answer
   * @throws SandboxError when nothing is known of it
   */
  explain(traceId: string): Promise<Explanation>;
  /** Ends the server and removes what it left. The server also ends when this process does. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The discard port, where nobody listens: for the environment that is not used. */
const nobody = 'http://127.0.0.1:9';
const mostStarts = 5;

/**
 * Starts `tollward dev` of the package @tollward/server on free ports, with a simulated money API behind it, and makes a client.
 *
 * @throws SandboxError when the package is not installed, or the server does not start
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { environment = 'sandbox', startTimeoutMs = 60_000, log = () => undefined } = options;
  const program = findServerProgram(process.cwd());
  const folder = await mkdtemp(join(tmpdir(), 'tollward-sandbox-'));
  const dataDirectory = options.dataDirectory ?? join(folder, 'data');
  const unused = environment === 'sandbox' ? 'PRODUCTION' : 'SANDBOX';
  const variables = { [`TOLLWARD_${unused}_UPSTREAM`]: nobody };
  const start = { program, dataDirectory, variables, startTimeoutMs, log };
  const run = (words: readonly string[]): Promise<unknown> => runCommand(start, words);

  let server: ServerProcess | undefined;
  const stop = async (): Promise<void> => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { portBase, ...started } = await startOnFreePorts(start);
    server = started.server;
    const credentials = await createCredentials(run, folder, environment, options.tokenLifetimeSeconds);
    const { clientId } = credentials;
    const { api, mtls } = portDistances[environment];
    const baseUrl = `https://localhost:${portBase + api}`;
    const mtlsUrl = `https://localhost:${portBase + mtls}`;
    const caFile = join(dataDirectory, environment, 'ca.pem');
    return {
      options: () => ({
        environment: { baseUrl: mtlsUrl, name: environment },
        clientId,
        clientSecret: credentials.secret,
        mtls: { cert: credentials.certificateFile, key: credentials.keyFile },
        ca: caFile,
      }),
      baseUrl,
      mtlsUrl,
      caFile,
      clientId,
      expireTokens: async () => void (await run(['clients', 'end-tokens', clientId])),
      rotateSecret: ({ overlapSeconds = 3_600 } = {}) => credentials.rotateSecret(overlapSeconds),
      renewCertificate: async ({ revokeOld = false } = {}) => {
        const renewed = await credentials.renewCertificate();
        if (revokeOld) await renewed.revokeOld();
        return renewed;
      },
      failNext: async (fault, requests) => {
        await run([
          'faults',
          'add',
          '--environment',
          environment,
          '--client',
          clientId,
          ...faultWords(fault, requests),
        ]);
      },
      restart: async () => {
        await server?.stop();
        server = await startServer({ ...start, portBase });
      },
      explain: async (traceId) => readExplanation(await run(['explain', traceId])),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Others on this machine look for ports too. */
async function startOnFreePorts(
  options: Omit<ServerOptions, 'portBase'>,
): Promise<{ readonly server: ServerProcess; readonly portBase: number }> {
  for (let starts = 1; ; starts += 1) {
    const portBase = await findPortBase();
    try {
      return { server: await startServer({ ...options, portBase }), portBase };
    } catch (error) {
      if (!(error instanceof PortTakenError) || starts === mostStarts) throw error;
    }
  }
}

function readExplanation(explained: unknown): Explanation {
  const status = typeof explained === 'object' && explained !== null && 'status' in explained ? explained.status : 0;
  const at = (name: string): string => textAt(explained, name);
  return { code: at('code'), status: Number(status), expected: at('expected'), seen: at('seen'), remedy: at('remedy') };
}

function faultWords(fault: SandboxFault, { times = 1, method, path }: FaultedRequests = {}): string[] {
  const words = ['--times', String(times)];
  if (method !== undefined) words.push('--method', method);
  if (path !== undefined) words.push('--path', path);
  if (typeof fault === 'string') return [...words, `--${fault}`];
  words.push('--status', String(fault.status));
  if (fault.retryAfterSeconds !== undefined) words.push('--retry-after', String(fault.retryAfterSeconds));
  if (fault.code !== undefined) words.push('--code', fault.code);
  if (fault.body !== undefined) words.push('--body', JSON.stringify(fault.body));
  return words;
}
