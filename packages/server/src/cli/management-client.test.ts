import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ManagementSocket, openManagementSocket } from '../platform/listeners/management-socket.js';
import { askManagement } from './management-client.js';

it('names both ways to start a server where none is running', async () => {
  const answer = await askManagement('/nowhere', { method: 'GET', path: '/status', answer: z.unknown() });
  expect(answer.ok ? undefined : answer.outcome.problem?.message).toMatch(
    /No server is running on the data directory \/nowhere\..*"tollward dev".*"tollward serve"/,
  );
});

describe('a server that gives no answer', () => {
  let directory: string;
  let socket: ManagementSocket;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tollward-silent-'));
    const server = createServer((request) => void request.socket.destroy());
    socket = await openManagementSocket({ dataDirectory: directory, server });
  });
  afterAll(async () => {
    await socket.close();
    await rm(directory, { recursive: true });
  });

  const messageOf = async (method: 'GET' | 'POST' | 'PATCH', path: string): Promise<string | undefined> => {
    const answer = await askManagement(directory, { method, path, answer: z.unknown() });
    if (answer.ok) throw new Error('there was an answer');
    expect(answer.running).toBe(true);
    expect(answer.outcome.exitCode).toBe(1);
    return answer.outcome.problem?.message;
  };

  it.each([
    ['POST', '/clients'],
    ['PATCH', '/clients/cli_1'],
  ] as const)('may have done a %s %s, so how to find out is said', async (method, path) => {
    const message = await messageOf(method, path);
    expect(message).toContain('may have been done or not');
    expect(message).toContain('"tollward clients show <client-id>"');
    expect(message).toContain('"tollward secrets rotate <client-id> --force"');
  });

  it.each([
    ['GET', '/clients'],
    ['POST', '/certificates/inspection'],
  ] as const)('can have changed nothing by a %s %s', async (method, path) => {
    expect(await messageOf(method, path)).toBe('The server did not answer. Look into its log.');
  });
});
