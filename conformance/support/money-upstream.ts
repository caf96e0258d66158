// An upstream that says yes to everything, knows profiles, and remembers which calls reached it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KnownProfile {
  readonly country: string;
  /** Null: no client made it. */
  readonly clientId: string | null;
}

export interface MoneyUpstream {
  readonly url: string;
  /** By id. */
  readonly profiles: Map<string, KnownProfile>;
  /** All that came of each call, by its correlation id. Questions about profiles are not among them. */
  readonly arrived: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

const question = /^\/internal\/profiles\/(\d+)$/;

export async function startMoneyUpstream(): Promise<MoneyUpstream> {
  const profiles = new Map<string, KnownProfile>();
  const arrived = new Map<string, string>();
  const server = createServer((request, response) => {
    const { method, url = '', headers, rawHeaders } = request;
    let text = [method, url, ...rawHeaders, ''].join('\n');
    request.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const id = question.exec(url)?.[1];
      const profile = id === undefined ? {} : profiles.get(id);
      if (id === undefined) arrived.set(String(headers['x-external-correlation-id']), text);
      const body = JSON.stringify(id === undefined ? {} : { id: Number(id), ...profile });
      response.writeHead(profile === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    profiles,
    arrived,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
