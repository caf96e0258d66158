// What run.ts and the load generator, two processes, say to each other.

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
  readonly target: TlsTarget;
  readonly exchange: HttpExchange;
  readonly expectedStatus: number;
  readonly mode: ConnectionMode;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly windowSeconds: number;
  /** The process whose CPU time is charged. */
  readonly serverPid: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly windowSeconds: number;
  readonly serverCpuMicroseconds: number;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  /** Of the whole run, warm-up included. */
  readonly errors: number;
  readonly firstError: string | null;
}
