/** The answer of `POST /oauth/token` for the client-credentials grant (RFC 6749 section 5.1 and the platform's own `expires_at`). */
export interface ClientCredentialsTokenResponse {
  readonly access_token: string;
  readonly token_type: 'bearer';
  /** Whole seconds the token has left, rounded down. */
  readonly expires_in: number;
  /** Always this one value; it does not limit what the token can do. */
  readonly scope: 'transfers';
  /** UTC, milliseconds, `Z`: `2026-09-14T03:43:28.148Z`. */
  readonly expires_at: string;
}

/** Errors of `/oauth/*` (RFC 6749 section 5.2) and of bearer checks. */
export interface OAuthErrorBody {
  readonly error: string;
  readonly error_description: string;
}

/** Errors of the compatibility surface outside `/oauth/*` and the bearer check. */
export interface StatusErrorBody {
  /** UTC with milliseconds and a numeric offset: `2026-09-13T12:34:56.789+0000`. */
  readonly timestamp: string;
  readonly status: number;
  /** The reason phrase of the status. */
  readonly error: string;
  readonly message: string;
  readonly path: string;
}

/** The answer of `GET /v1/authenticated/playground`. The contract leaves its body open. */
export interface PlaygroundResponse {
  readonly authenticated: true;
  readonly environment: 'sandbox' | 'production';
  readonly clientId: string;
  readonly tokenKind: 'client_credentials';
  /** Base64url SHA-256 of the certificate the token is bound to (RFC 8705 section 3.1), or null for an unbound token. */
  readonly certificateThumbprint: string | null;
  readonly tokenExpiresAt: string;
}
