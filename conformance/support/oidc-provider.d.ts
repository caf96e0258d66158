// As much of oidc-provider 9 as is used here: it comes without types.

declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';
  import type { TLSSocket } from 'node:tls';

  interface Context {
    readonly req: { readonly socket: TLSSocket };
  }

  interface ClientCredentialsToken {
    readonly clientId: string;
    readonly 'x5t#S256'?: string;
    readonly isExpired: boolean;
    destroy(): Promise<void>;
  }

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    readonly ClientCredentials: { find(value: string): Promise<ClientCredentialsToken | undefined> };
    callback(): RequestListener;
  }

  export type { Context };
}
