// TLS as every driving program speaks it.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { TlsTarget } from './load-plan.js';

export function createClientContext(target: TlsTarget): SecureContext {
  return createSecureContext({
    ca: readFileSync(target.caFile),
    cert: readFileSync(target.clientCertificateFile),
    key: readFileSync(target.clientKeyFile),
    // One version and one cipher suite: all contenders then do the same cryptography whatever order they prefer.
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_256_GCM_SHA384',
  });
}

export function connectTo(target: TlsTarget, secureContext: SecureContext): TLSSocket {
  const socket = connect({
    host: target.address,
    // An IP address is no server name (RFC 6066, section 3).
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    port: target.port,
    secureContext,
  });
  socket.setNoDelay(true);
  return socket;
}
