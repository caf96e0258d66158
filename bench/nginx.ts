// The other way to build such a gateway: nginx ends TLS and forwards, and asks a small program about every token (auth_request).

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { AuthCheckConfiguration } from './auth-check.js';
import type { ChildProcesses } from './child-processes.js';
import { startOwnProgram, waitUntil } from './own-programs.js';
import { CIPHERS, CURVES, TICKET_LIFETIME_SECONDS, type TlsFiles } from './server-tls.js';

interface NginxOptions {
  readonly children: ChildProcesses;
  /** A fresh directory of its own. */
  readonly directory: string;
  readonly tls: TlsFiles;
  readonly tokensFile: string;
  readonly upstreamPort: number;
}

interface RunningNginx {
  readonly pids: readonly number[];
  readonly port: number;
  /** Its access log, which grows with every request. */
  readonly outputFile: string;
}

export function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function startNginx(options: NginxOptions): Promise<RunningNginx> {
  const { children, directory, tokensFile } = options;
  mkdirSync(directory);
  const check = await startOwnProgram(children, directory, {
    name: 'auth-check',
    program: new URL('./auth-check.js', import.meta.url),
    configuration: { tokensFile } satisfies AuthCheckConfiguration,
    core: 0,
  });
  const port = await findFreePort();
  const configurationFile = join(directory, 'nginx.conf');
  const errorFile = join(directory, 'error.log');
  const outputFile = join(directory, 'access.log');
  writeFileSync(configurationFile, renderConfiguration({ ...options, port, checkPort: check.port, outputFile }));
  writeFileSync(errorFile, '');
  const started = children.startServer({
    command: ['nginx', '-p', directory, '-c', configurationFile, '-e', errorFile],
    environment: process.env,
    workingDirectory: directory,
    outputFile: errorFile,
    core: 0,
  });
  await waitUntil(started, 'nginx', errorFile, () => isListening(port));
  return { pids: [started.pid, check.pid], port, outputFile };
}

/** One process instead of a master and a worker, so that its pid is known. The event loop is the same. */
function renderConfiguration(
  options: NginxOptions & { readonly port: number; readonly checkPort: number; readonly outputFile: string },
): string {
  const { directory, tls, port, checkPort, upstreamPort, outputFile } = options;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  return `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log ${outputFile};
  ${temporary.join('\n  ')}
  # By default a connection ends after 1,000 requests, in the middle of a window.
  keepalive_requests 1000000000;
  keepalive_time 1d;
  upstream money { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; keepalive_time 1d; }
  upstream check { server 127.0.0.1:${checkPort}; keepalive 64; keepalive_requests 1000000000; keepalive_time 1d; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${tls.certificateFile};
    ssl_certificate_key ${tls.keyFile};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ${CIPHERS};
    ssl_prefer_server_ciphers on;
    ssl_ecdh_curve ${CURVES};
    ssl_session_timeout ${TICKET_LIFETIME_SECONDS};
    ssl_verify_client optional_no_ca;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {
      auth_request /check;
      proxy_pass http://money;
    }
    location = /check {
      internal;
      proxy_pass http://check;
      proxy_pass_request_body off;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
    }
  }
}
`;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address === null || typeof address === 'string' ? reject(new Error('no free port')) : resolve(address.port),
      );
    });
  });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
