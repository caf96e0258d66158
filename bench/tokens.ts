// Gets the tokens a run rotates through, before anything is measured.

import { readFileSync, writeFileSync } from 'node:fs';
import { Pool } from 'undici';
import type { HttpExchange, TlsTarget } from './load-plan.js';

const CONNECTIONS = 16;

/** Writes them one a line and returns the first. @throws on any answer without a token */
export async function fetchTokens(
  target: TlsTarget,
  { path, method, headers, body }: HttpExchange,
  count: number,
  file: string,
): Promise<void> {
  const pool = new Pool(`https://${target.host}:${target.port}`, {
    connections: CONNECTIONS,
    connect: {
      ca: readFileSync(target.caFile),
      cert: readFileSync(target.clientCertificateFile),
      key: readFileSync(target.clientKeyFile),
    },
  });
  const tokens: string[] = [];
  let asked = 0;
  const fetchSome = async (): Promise<void> => {
    while (asked < count) {
      asked += 1;
      const answer = await pool.request({ path, method, headers, body });
      tokens.push(readAccessToken(await answer.body.text()));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, fetchSome));
  await pool.close();
  writeFileSync(file, tokens.join('\n'));
}

export function readAccessToken(body: string): string {
  const answer: unknown = JSON.parse(body);
  if (typeof answer === 'object' && answer !== null && 'access_token' in answer) {
    if (typeof answer.access_token === 'string') return answer.access_token;
  }
  throw new Error(`the token answer has no access_token: ${body}`);
}
