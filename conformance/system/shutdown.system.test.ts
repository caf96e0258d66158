// The end of a server: what runs may finish, nothing new begins, and a second signal does not wait.

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { basic } from '@tollward/server/testing';
import { expect, test } from 'vitest';
import { parseAnswer } from '../support/connection.js';
import { type Partner, readPartner } from '../support/partner.js';
import { makeDirectory, operationsUrlOf, startedDev, statusOf } from '../support/program.js';

const body = 'grant_type=client_credentials';

interface Halfway {
  finish(): void;
  /** Everything the server says until it ends the connection. */
  readonly answer: Promise<string>;
}

/** A token request the server has begun to work on and whose body is half sent. */
async function sendHalf({ mtlsUrl, ca, identity, clientId, secret }: Partner): Promise<Halfway> {
  const socket = connectTls({ host: '127.0.0.1', servername: 'localhost', port: portOf(mtlsUrl), ca, ...identity });
  socket.write(
    `POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${basic(clientId, secret)}\r\n` +
      `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await readUntil(socket, 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write(body.slice(0, body.length / 2));
  return {
    finish: () => void socket.write(body.slice(body.length / 2)),
    answer: new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      // A server that is killed resets its connections.
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
    }),
  };
}

async function readUntil(socket: TLSSocket, wanted: string): Promise<void> {
  for (let text = ''; text !== wanted; ) text += String((await once(socket, 'data'))[0]);
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** The code of the error that connecting ends with, or 'connected'. */
function tryToConnect(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const stopping = /^Stopping: .*\n/m;

test('after a signal the running request ends well, new connections are refused, and the exit code is 0', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const program = await startedDev(dataDirectory, { simulated: true });
  const operationsUrl = operationsUrlOf(program);
  const partner = readPartner(dataDirectory, 'sandbox');
  const port = portOf(partner.mtlsUrl);
  const request = await sendHalf(partner);
  expect(await statusOf(`${operationsUrl}/health/ready`)).toBe(200);
  expect(await tryToConnect(port)).toBe('connected');

  program.kill('SIGTERM');
  await program.until(stopping);
  const ready = await fetch(`${operationsUrl}/health/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ checks: expect.arrayContaining([{ name: 'accepting', ok: false }]) });
  expect(await statusOf(`${operationsUrl}/health/live`)).toBe(200);
  expect(await tryToConnect(port)).toBe('ECONNREFUSED');

  request.finish();
  const answer = parseAnswer(await request.answer);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('connection')).toBe('close');
  expect(JSON.parse(answer.body)).toHaveProperty('access_token');
  expect(await program.ended).toEqual({ code: 0, signal: null });
  // Log lines are written in blocks: the last one must not be lost.
  expect(program.out()).toContain(answer.headers.get('x-trace-id'));
});

test('a second signal ends the process at once, and the next start is sound', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const program = await startedDev(dataDirectory);
  const request = await sendHalf(readPartner(dataDirectory, 'sandbox'));
  program.kill('SIGINT');
  await program.until(stopping);
  // The request above would hold it for the whole time that running requests are given. What comes right behind the first
  // is the same wish twice, so the wish is repeated until it counts.
  const pressing = setInterval(() => program.kill('SIGINT'), 50);
  expect(await program.ended).toEqual({ code: 1, signal: null });
  clearInterval(pressing);
  expect(await request.answer).toBe('');

  const next = await startedDev(dataDirectory);
  expect(await statusOf(`${operationsUrlOf(next)}/health/ready`)).toBe(200);
});

test('a Ctrl-C that arrives twice, from the terminal and from npm, is one wish to stop', async () => {
  const program = await startedDev(join(makeDirectory(), 'data'));
  program.kill('SIGINT');
  program.kill('SIGINT');
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(program.out()).toMatch(stopping);
});
