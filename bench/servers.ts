// Starts the servers of a run. Tollward comes first: bare copies the size of its answers.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BareAnswer, BareConfiguration } from './bare.js';
import type { BareProxyConfiguration } from './bare-proxy.js';
import { createServerCertificate } from './certificate.js';
import type { ChildProcesses } from './child-processes.js';
import type { Exchanges, Server, Servers } from './contenders.js';
import { quotesExchange, ratesExchange } from './gateway-exchanges.js';
import type { HttpExchange, TlsTarget } from './load-plan.js';
import { hasNginx, startNginx } from './nginx.js';
import { startOwnProgram } from './own-programs.js';
import { type ProbedAnswer, probe } from './probe.js';
import type { TlsFiles } from './server-tls.js';
import { fetchTokens, readAccessToken } from './tokens.js';
import { gatewaySettings, startTollward, tokenExchange } from './tollward.js';

const ROTATING_TOKENS = 1_000;
/** Tollward remembers what the last 10,000 tokens said: in a longer row each was forgotten when its turn comes again. */
const MORE_TOKENS_THAN_REMEMBERED = 12_000;

interface Started {
  readonly servers: Servers;
  readonly exchanges: Exchanges;
  /** What they write while they run: a log of a whole run would fill the disk. */
  readonly outputFiles: readonly string[];
}

/** A server and what was seen of its answers. */
interface Probed {
  readonly exchange: HttpExchange;
  readonly answer: ProbedAnswer;
}

export async function startServers(children: ChildProcesses, directory: string): Promise<Started> {
  const upstream = await startOwnProgram(children, directory, {
    name: 'upstream',
    program: new URL('./upstream.js', import.meta.url),
    configuration: {},
    core: 1,
  });
  const upstreamUrl = `http://127.0.0.1:${upstream.port}`;

  const ownDirectory = join(directory, 'tollward');
  mkdirSync(ownDirectory);
  const started = await startTollward({ children, directory: ownDirectory, settings: gatewaySettings(upstreamUrl) });
  const { target } = started;
  const tollward: Server = { pids: [started.pid], targets: [target] };

  const token = await probeSuccess(target, tokenExchange(started));
  const authorization = `Bearer ${readAccessToken(token.answer.body.toString())}`;
  const playground = await probeSuccess(target, {
    method: 'GET',
    path: '/v1/authenticated/playground',
    headers: { authorization },
    body: '',
  });
  const tokensFile = join(directory, 'tokens');
  await fetchTokens(target, token.exchange, ROTATING_TOKENS, tokensFile);
  const newTokensFile = join(directory, 'new-tokens');
  await fetchTokens(target, token.exchange, MORE_TOKENS_THAN_REMEMBERED, newTokensFile);
  for (const forwarded of [ratesExchange, quotesExchange]) {
    await probeSuccess(target, { ...forwarded, headers: { ...forwarded.headers, authorization } });
  }

  const tls = createServerCertificate(directory);
  // The same client certificate as for Tollward, so that all servers check the same signature in a handshake.
  const otherTarget = (port: number): TlsTarget => ({
    ...target,
    host: 'localhost',
    address: '127.0.0.1',
    port,
    caFile: tls.certificateFile,
  });
  const bare = await startBare(children, directory, tls, [token, playground]);
  const bareProxy = await startOwnProgram(children, directory, {
    name: 'bare-proxy',
    program: new URL('./bare-proxy.js', import.meta.url),
    configuration: { ...tls, upstreamUrl } satisfies BareProxyConfiguration,
    core: 0,
  });
  const nginx = hasNginx()
    ? await startNginx({
        children,
        directory: join(directory, 'nginx'),
        tls,
        tokensFile,
        upstreamPort: upstream.port,
      })
    : undefined;

  return {
    servers: {
      tollward,
      bare: { pids: [bare.pid], targets: [otherTarget(bare.port)] },
      bareProxy: { pids: [bareProxy.pid], targets: [otherTarget(bareProxy.port)] },
      nginx: nginx && { pids: nginx.pids, targets: [otherTarget(nginx.port)] },
    },
    exchanges: {
      token: { exchange: token.exchange, tokensFile: null },
      playground: { exchange: playground.exchange, tokensFile: null },
      rates: { exchange: ratesExchange, tokensFile },
      ratesWithNewTokens: { exchange: ratesExchange, tokensFile: newTokensFile },
      quotes: { exchange: quotesExchange, tokensFile },
      streamAuthorization: authorization,
    },
    outputFiles: [started.outputFile, ...(nginx ? [nginx.outputFile] : [])],
  };
}

async function probeSuccess(target: TlsTarget, exchange: HttpExchange): Promise<Probed> {
  const answer = await probe(target, exchange);
  if (answer.status === 200) return { exchange, answer };
  throw new Error(`${exchange.method} ${exchange.path} answered ${answer.status}: ${answer.body.toString()}`);
}

function startBare(
  children: ChildProcesses,
  directory: string,
  tls: TlsFiles,
  models: readonly Probed[],
): ReturnType<typeof startOwnProgram> {
  const answers = models.map(({ exchange, answer: { body, headers } }): [string, BareAnswer] => [
    exchange.path,
    { bodyBytes: body.length, headers },
  ]);
  return startOwnProgram(children, directory, {
    name: 'bare',
    program: new URL('./bare.js', import.meta.url),
    configuration: { ...tls, answers: Object.fromEntries(answers) } satisfies BareConfiguration,
    core: 0,
  });
}
