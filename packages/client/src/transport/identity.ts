import type { KeyObject, X509Certificate } from 'node:crypto';

/** What a client proves itself with. */
export interface Identity {
  readonly key: KeyObject;
  readonly leaf: X509Certificate;
  /** Begins with the leaf, and behind each certificate comes its issuer. */
  readonly chain: readonly X509Certificate[];
}
