// The published keys of the gateway (RFC 7517), read over https with an authority that this machine does not know by itself.

import { readFile } from 'node:fs/promises';
import { get as getPlain } from 'node:http';
import { get } from 'node:https';
import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose';

export interface RemoteKeys {
  readonly url: string;
  /** PEM of the authority. Read for each question, because the file may come later than we do. */
  readonly caFile?: string | undefined;
}

const maximumBytes = 256 * 1024;

export function remoteKeys({ url, caFile }: RemoteKeys): JWTVerifyGetKey {
  const ask: FetchImplementation = async (address, { signal }) => {
    const ca = caFile === undefined ? undefined : await readFile(caFile);
    return new Promise((resolve, reject) => {
      const request = (address.startsWith('https:') ? get : getPlain)(
        address,
        { ca, agent: false, signal },
        (answer) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          answer.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            bytes += chunk.length;
            if (bytes > maximumBytes) answer.destroy(new Error(`the key set at ${address} is too large`));
          });
          answer.on('end', () => resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 0 })));
          answer.on('error', reject);
        },
      );
      request.on('error', reject);
    });
  };
  return createRemoteJWKSet(new URL(url), { [customFetch]: ask, timeoutDuration: 5_000, cooldownDuration: 5_000 });
}
