// The management API of a running process, asked directly: a command would take longer to start than most of these answers.

import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

export interface ManagementAnswer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

export function askManagement(
  dataDirectory: string,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<ManagementAnswer> {
  const { socket } = JSON.parse(readFileSync(join(dataDirectory, 'management.json'), 'utf8')) as { socket: string };
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request({ socketPath: socket, method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, json: text === '' ? {} : JSON.parse(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
