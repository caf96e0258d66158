import { inspect } from 'node:util';

/** A client-credentials token, opaque: no assumption about its length or form holds. Printing or serialising it shows no value. */
export interface AccessToken {
  /** What stands after `Bearer`. Keep it in memory only. */
  readonly value: string;
  readonly expiresAt: Date;
  /** Of the client certificate it was obtained with, and works with (RFC 8705 section 3.1): base64url SHA-256. Null without one. */
  readonly certificateThumbprint: string | null;
}

export function hideToken({ value, expiresAt, certificateThumbprint }: AccessToken): AccessToken {
  return new HiddenToken(value, expiresAt, certificateThumbprint);
}

class HiddenToken implements AccessToken {
  readonly #value: string;
  readonly expiresAt: Date;
  readonly certificateThumbprint: string | null;

  constructor(value: string, expiresAt: Date, certificateThumbprint: string | null) {
    this.#value = value;
    this.expiresAt = expiresAt;
    this.certificateThumbprint = certificateThumbprint;
  }

  get value(): string {
    return this.#value;
  }

  toString(): string {
    return `AccessToken (hidden, ends ${this.expiresAt.toISOString()})`;
  }

  toJSON(): object {
    return { expiresAt: this.expiresAt, certificateThumbprint: this.certificateThumbprint };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
