// A worker as a partner would run it: it calls the API over mutual TLS, again and again, and picks up new credentials without a
// restart. Usage: node worker.mjs <folder>, where <folder>/current is a link to the folder with client.env, client.pem and
// client.key. Whoever deploys new credentials makes a new folder and moves the link. Prints one line of JSON every 100 ms.
//
// What makes it survive a rotation:
// - it looks where the link points before each call, and reads all three files from one place;
// - a token belongs to the secret and the certificate it was obtained with, so new credentials mean a new token;
// - MTLS_URL may name several addresses of the same API, separated by commas. A request moves on to the next one only when its
//   connection was never established, so that nothing can be done twice;
// - connections belong to the certificate too, so new credentials mean a new agent. The old one is destroyed at once, which cuts
//   nothing, because this worker makes one call at a time; one that makes several has to let them end first.

import { readFileSync, readlinkSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const { MTLS_URL: addresses, CA_FILE: caFile } = process.env;
if (folder === undefined || addresses === undefined || caFile === undefined) {
  process.stderr.write('Usage: MTLS_URL=https://... CA_FILE=ca.pem node worker.mjs <folder>\n');
  process.exit(2);
}

const ca = readFileSync(caFile);
const baseUrls = addresses.split(',');
let address = 0;
const pauseMs = 25;
const reportMs = 100;
/** Renewed this long before it ends, so that no call is made with a token that ends on the way. */
const renewBeforeMs = 60_000;

const report = { version: '', calls: 0, failed: 0, failures: {} };
let session;

/** The credentials of a folder, and what was obtained with them. */
function openSession(version) {
  const read = (name) => readFileSync(join(folder, version, name), 'utf8');
  const values = Object.fromEntries(
    read('client.env')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => {
        const end = line.indexOf('=');
        return [line.slice(0, end), line.slice(end + 1)];
      }),
  );
  return {
    version,
    login: Buffer.from(`${values.CLIENT_ID}:${values.CLIENT_SECRET}`).toString('base64'),
    agent: new Agent({ keepAlive: true, maxSockets: 2, ca, cert: read('client.pem'), key: read('client.key') }),
    token: undefined,
    renewAt: 0,
  };
}

async function send(agent, method, path, headers, body) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await sendTo(baseUrls[address], agent, method, path, headers, body);
    } catch (error) {
      if (error.connected || tried === baseUrls.length) throw error;
      address = (address + 1) % baseUrls.length;
    }
  }
}

function sendTo(baseUrl, agent, method, path, headers, body) {
  return new Promise((done, fail) => {
    const outgoing = request(new URL(path, baseUrl), { method, headers, agent }, (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', failed);
      incoming.on('end', () => {
        const { statusCode: status } = incoming;
        done({ status, code: incoming.headers['x-refusal-code'], body: JSON.parse(Buffer.concat(chunks)) });
      });
    });
    let connected = false;
    const failed = (error) => fail(Object.assign(error, { connected }));
    outgoing.on('socket', (socket) => {
      // A kept connection was established long ago.
      connected = outgoing.reusedSocket;
      if (connected) return;
      socket.once('secureConnect', () => {
        connected = true;
      });
    });
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}

class Refused extends Error {
  constructor({ status, code }) {
    super(code ?? `status ${status}`);
    this.status = status;
  }
}

function expectSuccess(answer) {
  if (answer.status === 200) return answer.body;
  throw new Refused(answer);
}

async function renewToken() {
  const headers = { authorization: `Basic ${session.login}`, 'content-type': 'application/x-www-form-urlencoded' };
  const body = 'grant_type=client_credentials';
  const token = expectSuccess(await send(session.agent, 'POST', '/oauth/token', headers, body));
  session.token = token.access_token;
  session.renewAt = Date.parse(token.expires_at) - renewBeforeMs;
}

async function work() {
  const version = readlinkSync(join(folder, 'current'));
  if (session?.version !== version) {
    session?.agent.destroy();
    session = openSession(version);
  }
  if (session.token === undefined || Date.now() >= session.renewAt) await renewToken();
  const headers = { authorization: `Bearer ${session.token}` };
  expectSuccess(await send(session.agent, 'GET', '/v1/authenticated/playground', headers));
  report.version = version;
}

const reporting = setInterval(() => process.stdout.write(`${JSON.stringify(report)}\n`), reportMs);
let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});

while (!stopped) {
  report.calls += 1;
  try {
    await work();
  } catch (error) {
    // A refused token is given up, so that the next round asks for a new one; that is all the repair a worker needs.
    if (session !== undefined && error.status === 401) session.token = undefined;
    report.failed += 1;
    const name = error instanceof Refused ? error.message : (error.code ?? error.name);
    report.failures[name] = (report.failures[name] ?? 0) + 1;
  }
  await new Promise((done) => setTimeout(done, pauseMs));
}
clearInterval(reporting);
session?.agent.destroy();
process.stdout.write(`${JSON.stringify(report)}\n`);
