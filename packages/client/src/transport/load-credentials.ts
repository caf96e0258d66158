// Reads certificate, key and authorities, and checks what can be checked before anything is sent.

import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { CertificateError } from '../errors.js';
import type { CredentialSource, MtlsOptions } from '../options.js';
import { askSource } from './ask-source.js';
import { type FileVersion, type ReadSource, readSource } from './credential-source.js';
import type { Identity } from './identity.js';
import { readCertificates } from './read-certificates.js';
import { readPfx } from './read-pfx.js';
import { readPrivateKey } from './read-private-key.js';
import type { CertificateFacts } from './transport.js';
import { systemAuthorities } from './trusted-authorities.js';
import { weaknessIn } from './weakness.js';

export interface CredentialOptions {
  readonly mtls?: MtlsOptions | undefined;
  readonly ca?: CredentialSource | undefined;
  readonly systemAuthorities: boolean;
}

export interface Credentials {
  /** Null without mutual TLS. */
  readonly certificate: CertificateFacts | null;
  readonly secureContext: SecureContext;
  /** Of everything that makes the secure context: equal when a change of the files changed nothing. */
  readonly digest: string;
  readonly files: readonly FileVersion[];
}

/**
 * @param known what was loaded before: its secure context is taken again when nothing changed, because a new one takes long
 * @throws CertificateError when they can not be used
 */
export async function loadCredentials(
  options: CredentialOptions,
  now: number,
  known?: Credentials,
): Promise<Credentials> {
  const { mtls, ca } = options;
  const own = mtls === undefined ? undefined : await readOwn(mtls);
  if (own !== undefined) checkValidity(own, now);
  const trusted = await readTrusted(ca, options.systemAuthorities);
  const material = { ...own?.material, ...(trusted.ca === undefined ? {} : { ca: [...trusted.ca] }) };
  const digest = createHash('sha256').update(JSON.stringify(material)).digest('base64url');
  return {
    certificate: own === undefined ? null : own.facts,
    secureContext: known?.digest === digest ? known.secureContext : openContext(material, own?.label ?? '`ca`'),
    digest,
    files: [...(own?.sources ?? []), ...trusted.sources].flatMap(({ file }) => file ?? []),
  };
}

function openContext(material: SecureContextOptions, label: string): SecureContext {
  try {
    return createSecureContext({ ...material, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw (
      weaknessIn(error, label) ??
      new CertificateError(`OpenSSL can not use ${label}: its error is the \`cause\` of this one.`, {
        code: 'unusable',
        cause: error,
      })
    );
  }
}

interface Own {
  readonly facts: CertificateFacts;
  readonly label: string;
  /** PEM always: a PFX that Node loads by itself adds the authorities in it to those that may vouch for servers. */
  readonly material: Pick<SecureContextOptions, 'cert' | 'key'>;
  readonly sources: readonly ReadSource[];
}

async function readOwn(mtls: MtlsOptions): Promise<Own> {
  if (mtls.pfx !== undefined) {
    const source = await readSource(mtls.pfx, 'mtls.pfx');
    return ownOf(readPfx(source, await askPassphrase(mtls)), [source]);
  }
  const sources = await Promise.all([readSource(mtls.cert, 'mtls.cert'), readSource(mtls.key, 'mtls.key')]);
  const [certSource, keySource] = sources;
  const chain = readCertificates(certSource);
  const key = await readPrivateKey(keySource, () => askPassphrase(mtls));
  const leaf = findLeaf(chain, key, certSource.label, keySource.label);
  return ownOf({ leaf, chain, key }, sources);
}

function ownOf({ leaf, chain, key }: Identity, sources: readonly [ReadSource, ...ReadSource[]]): Own {
  return {
    facts: describe(leaf),
    label: sources[0].label,
    material: {
      cert: chain.map((certificate) => certificate.toString()).join(''),
      key: key.export({ type: 'pkcs8', format: 'pem' }),
    },
    sources,
  };
}

async function askPassphrase({ passphrase }: MtlsOptions): Promise<string | undefined> {
  if (typeof passphrase !== 'function') return passphrase;
  return askSource(passphrase, 'The function given as `mtls.passphrase`');
}

/** A client sends its own certificate first, and behind each one its issuer (RFC 8446 section 4.4.2, RFC 5246 section 7.4.2). */
function findLeaf(
  chain: readonly X509Certificate[],
  key: KeyObject,
  certLabel: string,
  keyLabel: string,
): X509Certificate {
  const place = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  const [leaf] = chain;
  if (leaf === undefined || place === -1) {
    throw new CertificateError(
      `${keyLabel} does not belong to the certificate of ${certLabel}${leaf === undefined ? '' : ` (${subjectOf(leaf)})`}. Give the key that its request was made with: "openssl pkey -pubout -in client.key" and "openssl x509 -noout -pubkey -in client.pem" print the same when they belong together.`,
      { code: 'key-mismatch' },
    );
  }
  const isInOrder = chain.every((certificate, at) => {
    const next = chain[at + 1];
    const hasIssuer = chain.some((other) => other !== certificate && certificate.checkIssued(other));
    return next === undefined || !hasIssuer || certificate.checkIssued(next);
  });
  if (place > 0 || !isInOrder) {
    throw new CertificateError(
      `${certLabel} has its certificates in the wrong order. The one of your key comes first (now it is number ${place + 1} of ${chain.length}), and behind each certificate comes the one of its issuer.`,
      { code: 'chain-order' },
    );
  }
  return leaf;
}

function describe(certificate: X509Certificate): CertificateFacts {
  return {
    subject: subjectOf(certificate),
    thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
  };
}

/** Node leaves the field out when it is empty. */
function subjectOf({ subject }: { readonly subject: string | undefined }): string {
  return subject?.split('\n').join(', ') ?? '';
}

function checkValidity({ facts: { subject, validFrom, validTo }, label }: Own, now: number): void {
  const clock = `The clock of this machine says ${new Date(now).toISOString()}.`;
  if (now < validFrom.getTime()) {
    throw new CertificateError(
      `The certificate of ${label} (${subject}) is not valid before ${validFrom.toISOString()}. ${clock} Use the one before until then, or set the clock.`,
      { code: 'not-yet-valid' },
    );
  }
  if (now > validTo.getTime()) {
    throw new CertificateError(
      `The certificate of ${label} (${subject}) expired on ${validTo.toISOString()}. ${clock} Get a new one issued and put it here.`,
      { code: 'expired' },
    );
  }
}

async function readTrusted(ca: CredentialSource | undefined, withSystem: boolean) {
  // Left out, Node shares one list among all connections.
  if (ca === undefined) return { ca: undefined, sources: [] };
  const source = await readSource(ca, 'ca');
  const extra = readCertificates(source).map((certificate) => certificate.toString());
  return { ca: [...(withSystem ? await systemAuthorities() : []), ...extra], sources: [source] };
}
