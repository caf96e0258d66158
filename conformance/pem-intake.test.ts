// What people paste instead of a plain PEM file, through the management API.

import {
  aClient,
  askManagement,
  issueFor,
  startTestServer,
  type TestClient,
  uploadFor,
} from '@tollward/server/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate, makeKey, makeRequest } from './support/openssl.js';
import { outcomeWith } from './support/outcome.js';

const server = await startTestServer();
let client: TestClient;
beforeAll(async () => {
  client = await aClient(server, { withCertificate: false });
});
afterAll(() => server.stop());

const disguises: readonly (readonly [string, (pem: string) => string])[] = [
  ['with line ends of Windows', (pem) => pem.replaceAll('\n', '\r\n')],
  ['with white space around it and a byte order mark', (pem) => `\u{feff}\n  ${pem}\n\n`],
  ['with line ends written out, as from an environment variable', (pem) => pem.replaceAll('\n', '\\n')],
  ['in one line', (pem) => pem.replaceAll('\n', ' ')],
];

describe('a PEM file', () => {
  for (const [what, bend] of disguises) {
    test(`[PEM-07] ${what} is taken for what it is`, async () => {
      const request = makeRequest({ subject: '/O=Example' });
      const issued = await issueFor(server, client, bend(request.csr));
      expect(issued).toMatchObject({ ok: true });
      const chain = issued.ok ? issued.chainPem : '';
      expect(await outcomeWith(server, client, { cert: chain, key: request.key })).toBe(200);
      const made = makeCertificate({ subject: '/O=Example' });
      expect(await uploadFor(server, client, bend(made.cert))).toMatchObject({ ok: true });
      expect(await outcomeWith(server, client, made)).toBe(200);
    });
  }
});

test('[PEM-08] no text breaks the intake, and no answer repeats a private key, however it was bent', async () => {
  const key = makeKey('rsa2048');
  const body = key.replaceAll(/-----.*-----|\n/g, '');
  const bent = fc
    .record({
      text: fc.constantFrom(
        key,
        body,
        JSON.stringify({ key }),
        key.replaceAll('\n', '\\n'),
        `${makeRequest({ subject: '/O=x' }).csr}${key}`,
      ),
      cutFrom: fc.nat(300),
      cutTo: fc.nat(300),
      place: fc.nat(1_700),
      noise: fc.string({ unit: 'binary', maxLength: 20 }),
    })
    .map(({ text, cutFrom, cutTo, place, noise }) => {
      const cut = text.slice(cutFrom, text.length - cutTo);
      return cut.slice(0, place) + noise + cut.slice(place);
    });
  const path = `/clients/${client.clientId}`;
  await fc.assert(
    fc.asyncProperty(fc.oneof(bent, fc.string({ unit: 'binary' })), async (text) => {
      const answers = [
        await askManagement(server, { method: 'POST', path: '/certificates/inspection', body: { text } }),
        await askManagement(server, {
          method: 'POST',
          path: `${path}/issued-certificates`,
          body: { name: 'bent', csr: text },
        }),
        await askManagement(server, {
          method: 'POST',
          path: `${path}/uploaded-certificates`,
          body: { name: 'bent', certificate: text },
        }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 422, 422]);
      for (const answer of answers) {
        for (let place = 0; place + 16 <= body.length; place += 1) {
          if (answer.text.includes(body.slice(place, place + 16))) throw new Error(`repeats the key at ${place}`);
        }
      }
    }),
    { numRuns: 40 },
  );
});
