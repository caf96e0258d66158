// The composition root: options in, a server out.

import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { createCallerReader, type Environment } from './caller.js';
import { createSurface } from './http/surface.js';
import { noJournal, openJournal } from './journal.js';
import { type RemoteKeys, remoteKeys } from './remote-keys.js';
import { routesOf } from './routes.js';
import { createWorld } from './world.js';

export interface SimulatorOptions {
  readonly environment: Environment;
  /** Of the assertions: the base URL of the gateway. */
  readonly issuer: string;
  /** The published keys of the gateway, or where they are. */
  readonly keys: JSONWebKeySet | RemoteKeys;
  /** The name that the gateway knows us by. */
  readonly audience?: string;
  /** A file that keeps what happened; without one nothing is kept. */
  readonly journal?: string;
  readonly clock?: () => number;
  readonly newUuid?: () => string;
  readonly log?: (event: LogEvent) => void;
  /** Told when the journal can not be written. Nothing is answered any more then. */
  readonly onJournalFailure?: (error: unknown) => void;
}

export interface LogEvent {
  readonly level: 'info' | 'error';
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number>>;
}

export interface Simulator {
  /** Resolves to the base URL. Port 0 lets the system choose. */
  listen(port: number): Promise<string>;
  /** Answers what is under way first. */
  close(): Promise<void>;
}

const host = '127.0.0.1';

/** @throws JournalError when the journal is damaged */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const {
    environment,
    issuer,
    audience = 'money',
    clock = Date.now,
    newUuid = randomUUID,
    log = () => undefined,
  } = options;
  const { onJournalFailure = () => undefined } = options;
  const opened =
    options.journal === undefined ? undefined : await openJournal(options.journal, environment, onJournalFailure);
  if (opened !== undefined && opened.droppedBytes > 0) {
    const details = { bytes: opened.droppedBytes };
    log({ level: 'info', message: 'the journal ended in a line that was not finished: it was cut off', details });
  }
  const { journal = noJournal, entries = [] } = opened ?? {};
  const keys = 'url' in options.keys ? remoteKeys(options.keys) : createLocalJWKSet(options.keys);
  const surface = createSurface({
    world: createWorld({ clock, newUuid, entries, journal }),
    readCaller: createCallerReader({ keys, issuer, audience, environment, clock }),
    routes: routesOf(environment),
    onFault: (error, request) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log({ level: 'error', message, details: { ...request } });
    },
  });
  return {
    listen: (port) => surface.listen({ host, port }),
    close: async () => {
      await surface.close();
      await journal.close();
    },
  };
}
