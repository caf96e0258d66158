// Who shows a certificate that resembles a registered one: by its name, its issuer, its serial number or its key.

import {
  aToken,
  callPlayground,
  requestToken,
  startTestServer,
  type TestClient,
  uploadFor,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MadeCertificate, makeCertificate } from './support/openssl.js';
import { outcomeOf, outcomeWith } from './support/outcome.js';
import { aPartnerWith, authority, forClients } from './support/upload.js';

const server = await startTestServer();
afterAll(() => server.stop());

describe('beside a registered certificate, nobody gets in', () => {
  const subject = '/O=Example/CN=worker';
  const serial = '1234567890ABCDEF1234';
  const registered = makeCertificate({ subject, serial, issuer: authority, extensions: forClients });
  let victim: TestClient;
  let token: string;
  beforeAll(async () => {
    victim = await aPartnerWith(server, registered);
    token = await aToken(server, victim);
  });

  const namesake = makeCertificate({
    subject: '/C=EE/O=Somebody Else/CN=Some CA',
    extensions: ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign'],
  });
  const { key } = registered;
  const impostors: readonly (readonly [string, string, () => MadeCertificate])[] = [
    [
      '[CERT-29]',
      'another key under the same name, issuer and serial number',
      () => makeCertificate({ subject, serial, issuer: authority }),
    ],
    [
      '[CERT-29]',
      'another key and an issuer of the same name',
      () => makeCertificate({ subject, serial, issuer: namesake }),
    ],
    ['[CERT-29]', 'another key, self-signed under the same name', () => makeCertificate({ subject, serial })],
    [
      '[CERT-30]',
      'the same key under another name',
      () => makeCertificate({ subject: '/O=Other/CN=other', serial, key, issuer: authority }),
    ],
    [
      '[CERT-30]',
      'the same key and name, issued again',
      () => makeCertificate({ subject, key, issuer: authority, extensions: forClients }),
    ],
    ['[CERT-30]', 'the same key and name, self-signed', () => makeCertificate({ subject, serial, key })],
    [
      '[CERT-31]',
      'the client id as its name, of the same authority',
      () => makeCertificate({ subject: `/CN=${victim.clientId}`, issuer: authority }),
    ],
    [
      '[CERT-31]',
      'the client id and another name',
      () => makeCertificate({ subject: `/CN=${victim.clientId}/CN=x`, issuer: authority }),
    ],
    [
      '[CERT-31]',
      'the client id with a Cyrillic letter',
      () => makeCertificate({ subject: `/CN=${victim.clientId.replace('c', '\u0441')}` }),
    ],
    ['[CERT-31]', 'the client id and a space', () => makeCertificate({ subject: `/CN=${victim.clientId} ` })],
    [
      '[CERT-31]',
      'the client id in capitals',
      () => makeCertificate({ subject: `/CN=${victim.clientId.toUpperCase()}` }),
    ],
  ];
  for (const [id, what, make] of impostors) {
    test(`${id} [RUN-11] with ${what}`, async () => {
      const impostor = make();
      expect(await outcomeWith(server, victim, impostor)).toBe('certificate_not_registered');
      const stolen = await callPlayground(server, victim, token, { identity: impostor });
      expect(outcomeOf(stolen)).toBe('token_bound_elsewhere');
      expect(await outcomeWith(server, victim)).toBe(200);
    });
  }

  test('[CERT-31] with a certificate that is registered, to somebody else', async () => {
    const other = await aPartnerWith(server, makeCertificate({ subject, issuer: authority }));
    expect(await outcomeWith(server, other)).toBe(200);
    const answer = await requestToken(server, victim, { identity: other.identity });
    expect(outcomeOf(answer)).toBe('certificate_not_registered');
    expect(answer.json['error_description']).not.toContain(other.clientId);
    expect(outcomeOf(await callPlayground(server, victim, token, { identity: other.identity }))).toBe(
      'token_bound_elsewhere',
    );
  });

  test('[CERT-30] until a certificate of the same key is registered too; tokens of one are worth nothing over the other', async () => {
    const again = makeCertificate({ subject, key, issuer: authority });
    expect(await uploadFor(server, victim, again.cert)).toMatchObject({ ok: true });
    expect(await outcomeWith(server, victim, again)).toBe(200);
    expect(outcomeOf(await callPlayground(server, victim, token, { identity: again }))).toBe('token_bound_elsewhere');
  });
});
