// What to do about each problem, said to whoever pasted. None of these texts carries anything of the input.

import type { PasteProblem, PemWanted } from './paste-problem.js';

interface Wanted {
  readonly name: string;
  readonly firstLine: string;
  readonly lastLine: string;
  readonly mostKibibytes: number;
  readonly fromDer: string;
  readonly withoutText: string;
}

const certificate: Wanted = {
  name: 'certificate',
  firstLine: '-----BEGIN CERTIFICATE-----',
  lastLine: '-----END CERTIFICATE-----',
  mostKibibytes: 64,
  fromDer: 'openssl x509 -inform DER -in client.der -out client.pem',
  withoutText: 'openssl x509 -in client.pem -out clean.pem',
};

const request: Wanted = {
  name: 'certificate request',
  firstLine: '-----BEGIN CERTIFICATE REQUEST-----',
  lastLine: '-----END CERTIFICATE REQUEST-----',
  mostKibibytes: 16,
  fromDer: 'openssl req -inform DER -in client.der -out client.csr',
  withoutText: 'openssl req -in client.csr -out clean.csr',
};

const either: Wanted = {
  name: 'certificate or certificate request',
  firstLine: `${certificate.firstLine} or ${request.firstLine}`,
  lastLine: `${certificate.lastLine} or ${request.lastLine}`,
  mostKibibytes: 64,
  fromDer: `${certificate.fromDer} (for a certificate request: ${request.fromDer})`,
  withoutText: `${certificate.withoutText} (for a certificate request: ${request.withoutText})`,
};

const wantedThings = { certificate, 'certificate-request': request, either };

const compromised = ({ name }: Wanted) =>
  `treat it as compromised. Make a new key, revoke what was issued for it, and send only the ${name} of the new key.`;

const remedies: Readonly<Record<PasteProblem, (wanted: Wanted) => string>> = {
  empty: ({ name, firstLine }) => `There is nothing here. Paste a ${name} in PEM form, which begins with ${firstLine}.`,
  'too-large': ({ name, mostKibibytes }) =>
    `This is over ${mostKibibytes} KiB, far more than a ${name}. Send the ${name} only.`,
  'private-key': (wanted) =>
    `This has a private key in it, and a key that was sent is no longer a secret: ${compromised(wanted)}`,
  pkcs12: (wanted) =>
    `This is a PKCS #12 file (.p12 or .pfx), which usually holds a private key. If it does, ${compromised(wanted)}`,
  certificate: ({ name }) =>
    `This is a certificate, not a ${name}. Send the ${name} (CSR) that you made from your key.`,
  'certificate-request': ({ name }) =>
    `This is a certificate request (CSR), not a ${name}. Send the ${name} that was issued for it.`,
  chain: ({ name }) =>
    `This is a chain of several certificates. Send only your own ${name}, which is usually the first one: "tollward certs inspect" shows what each of them is.`,
  several: ({ name }) => `There is more than one PEM block here. Send exactly one ${name}.`,
  mixed: ({ name }) => `There is both a certificate and a certificate request here. Send only the ${name}.`,
  'public-key': ({ name }) => `This is a public key. Send the ${name} that was made with it.`,
  crl: ({ name }) => `This is a certificate revocation list (CRL). Send a ${name}.`,
  pkcs7: ({ name }) =>
    `This is a PKCS #7 file (.p7b or .p7c). Send a ${name}; "openssl pkcs7 -print_certs -in client.p7b" shows the certificates in it.`,
  'trusted-certificate': ({ name }) =>
    `This ${name} is in the form that only OpenSSL reads, with trust settings added. Drop them with: openssl x509 -in client.pem -out clean.pem`,
  'headers-missing': ({ name, firstLine, lastLine }) =>
    `The first line or the last line of the ${name} is missing. Send the whole file, from ${firstLine} to ${lastLine}.`,
  'headers-inside': ({ name, firstLine }) =>
    `There are header lines inside of the ${name}. Delete every line with a colon after ${firstLine}, and the empty line below them.`,
  binary: ({ name, fromDer }) =>
    `This is a binary file (DER) that was read as text. Convert the ${name} with: ${fromDer}`,
  'utf-16': ({ name }) => `This text is saved as UTF-16. Save the file with the ${name} again as UTF-8 or ASCII.`,
  'nul-bytes': ({ name }) =>
    `There are zero bytes in this text, so it is not a plain text file. Save the ${name} again as UTF-8 or ASCII.`,
  dashes: ({ firstLine, lastLine }) =>
    `The first or last line was changed, perhaps by a word processor. Write exactly ${firstLine} and ${lastLine}, in capitals and with five plain hyphens on each side.`,
  'text-around': ({ name, withoutText }) =>
    `There are comments or other text around the ${name}. Send the PEM block only; this drops the rest: ${withoutText}`,
  quoted: ({ name, firstLine }) =>
    `There are quotes or a variable name around the ${name}. Drop them, so that it begins with ${firstLine}.`,
  json: ({ name, firstLine }) =>
    `This is JSON with a ${name} in it. Send only the ${name}, which begins with ${firstLine}.`,
  'cut-off': ({ name, lastLine }) =>
    `The end of the ${name} is missing. Copy the whole file again, down to ${lastLine}.`,
  'end-label': ({ name, firstLine, lastLine }) =>
    `The first and last line of the ${name} do not belong together. They must be ${firstLine} and ${lastLine}.`,
  'wrong-label': ({ name, firstLine }) =>
    `The first line names something else than what the block holds. Send the ${name} as it was made, which begins with ${firstLine}.`,
  damaged: ({ name }) => `The ${name} is damaged or cut off. Copy the whole file again, or make a new one.`,
  'not-recognised': ({ name, firstLine }) => `This is not a ${name}. One begins with ${firstLine}.`,
};

export function remedyFor(problem: PasteProblem, wanted: PemWanted | 'either'): string {
  return remedies[problem](wantedThings[wanted]);
}
