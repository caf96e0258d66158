// A private key out of what somebody gave for it (RFC 7468 sections 10 and 11, and the older forms of OpenSSL).

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readPaste } from '@tollward/protocol/pem';
import { CertificateError } from '../errors.js';
import type { ReadSource } from './credential-source.js';

const keyBlock = /-----BEGIN ([A-Z ]{0,20}PRIVATE KEY)-----.*?-----END \1-----/s;
const writtenOutLineEnds = /\\{1,4}[rn]/g;

/** @throws CertificateError that says what was given instead, or what is wrong with the passphrase */
export async function readPrivateKey(
  { content, label }: ReadSource,
  askPassphrase: () => Promise<string | undefined>,
): Promise<KeyObject> {
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  const [block, kind] = keyBlock.exec(text.replace(writtenOutLineEnds, '\n')) ?? [];
  if (block === undefined) throw notPrivateKey(content, text, label);
  if (kind?.startsWith('OPENSSH')) {
    throw new CertificateError(
      `${label} is a key of OpenSSH. Make a copy of it and convert that with: ssh-keygen -p -m PKCS8 -f copy.key`,
      { code: 'openssh-key' },
    );
  }

  const isEncrypted = kind?.startsWith('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(block);
  const passphrase = isEncrypted ? await askPassphrase() : undefined;
  if (isEncrypted && passphrase === undefined) {
    throw new CertificateError(`${label} is encrypted. Give its passphrase as \`mtls.passphrase\`.`, {
      code: 'passphrase-missing',
    });
  }
  try {
    return createPrivateKey({ key: block, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    throw unreadable(error, label);
  }
}

function unreadable(error: unknown, label: string): CertificateError {
  const message = error instanceof Error ? error.message : '';
  if (/bad decrypt|bad password/i.test(message)) {
    return new CertificateError(`${label}: \`mtls.passphrase\` is not the passphrase of this key.`, {
      code: 'passphrase-wrong',
    });
  }
  if (/digital envelope routines::unsupported/i.test(message)) {
    return new CertificateError(
      `${label} is encrypted in an old way that the OpenSSL of Node does not read. Convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in client.key -out new.key`,
      { code: 'cipher-unsupported' },
    );
  }
  return new CertificateError(
    `${label}: this private key is damaged or cut off. Copy the whole file again, from its BEGIN line to its END line.`,
    { code: 'damaged', cause: error },
  );
}

function notPrivateKey(content: string | Uint8Array, text: string, label: string): CertificateError {
  const reading = readPaste(content, 'certificate');
  const problem = reading.ok ? 'certificate' : reading.problem;
  const isCutOff = problem === 'private-key' && /-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----/.test(text);
  const remedy = isCutOff
    ? 'The end of the key is missing. Copy the whole file again, down to its END line.'
    : (remedies.get(problem) ?? `A private key begins with ${firstLine}.`);
  return new CertificateError(`${label} is not a private key. ${remedy}`, { code: isCutOff ? 'cut-off' : problem });
}

const firstLine = '-----BEGIN PRIVATE KEY-----';
const certificate =
  'It is a certificate. Give it as `mtls.cert`, and the key that its request was made with as `mtls.key`.';
const remedies: ReadonlyMap<string, string> = new Map([
  ['certificate', certificate],
  ['chain', certificate],
  ['certificate-request', 'It is a certificate request. Give the key that the request was made with.'],
  ['public-key', 'It is a public key. Give the private key that it belongs to.'],
  ['empty', 'There is nothing in it.'],
  ['pkcs12', 'It is a PKCS #12 file. Give it as `mtls.pfx`, which takes the place of `mtls.cert` and `mtls.key`.'],
  [
    'private-key',
    `It is one, but not in PEM form, which begins with ${firstLine}. A binary one is converted with: openssl pkey -inform DER -in client.key -out new.key`,
  ],
]);
