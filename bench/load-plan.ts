// What run.ts and the programs that drive a server, processes of their own, say to each other.

export type ConnectionMode = 'keep-alive' | 'new-connection';

export interface HttpExchange {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface TlsTarget {
  /** Host name as in the certificate. */
  readonly host: string;
  /** Where to connect; resolved once, so that no name look-up is part of a measured connection. */
  readonly address: string;
  readonly port: number;
  readonly caFile: string;
  readonly clientCertificateFile: string;
  readonly clientKeyFile: string;
}

export interface LoadPlan {
  /** Connections are spread over them. */
  readonly targets: readonly TlsTarget[];
  readonly exchange: HttpExchange;
  /** One bearer token a line, each for one request in turn; null: the exchange has its credentials. */
  readonly tokensFile: string | null;
  readonly expectedStatus: number;
  readonly mode: ConnectionMode;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly windowSeconds: number;
  /** The processes whose CPU time is charged. */
  readonly serverPids: readonly number[];
}

/** One body of STREAM_BYTES, in one direction. */
export interface StreamPlan {
  /** The first of them is taken. */
  readonly targets: readonly TlsTarget[];
  readonly direction: 'down' | 'up';
  readonly authorization: string;
  readonly serverPids: readonly number[];
}

export interface LoadResult {
  /** Requests that were answered, or mebibytes that were streamed. */
  readonly amount: number;
  readonly windowSeconds: number;
  readonly serverCpuMicroseconds: number;
  /** Of the requests; null for a stream. */
  readonly latency: { readonly p50Milliseconds: number; readonly p99Milliseconds: number } | null;
  /** Of the whole run, warm-up included. */
  readonly errors: number;
  readonly firstError: string | null;
}
