// What can go wrong with the database as a whole. None of these texts holds a password or a connection string.

/** The database can not do its work now. The same request may succeed later: callers answer 503. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';

  constructor(reason: string, cause?: unknown) {
    super(`The database is not available: ${reason}.`, { cause });
  }
}

export class DataDirectoryInUseError extends Error {
  override readonly name = 'DataDirectoryInUseError';

  constructor(directory: string, hint = '') {
    super(`The data directory ${directory} is in use: another Tollward process is running on it.${hint}`);
  }
}

export class DatabaseInUseError extends Error {
  override readonly name = 'DatabaseInUseError';

  constructor(database: string) {
    super(`The database "${database}" is in use: another Tollward process is running on it.`);
  }
}

/** The server answers, but Tollward must not run on it as it is. */
export class UnsupportedDatabaseError extends Error {
  override readonly name = 'UnsupportedDatabaseError';
}

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** A statement of the unit of work failed and the failure was swallowed, so its COMMIT rolled everything back. */
export class NothingCommittedError extends Error {
  override readonly name = 'NothingCommittedError';

  constructor() {
    super('A statement of this unit of work failed, so PostgreSQL rolled it back instead of committing it.');
  }
}

/** Too little of something to begin the work: files, memory, disk (class 53). */
export function isShortage(error: unknown): boolean {
  if (!(error instanceof DatabaseUnavailableError && error.cause instanceof Error && 'code' in error.cause))
    return false;
  return String(error.cause.code).startsWith('53');
}

const unavailableStates = /^(08|53|58|57P|57014)/;

/**
 * Whether an SQLSTATE speaks of the server and not of the statement: connection (08), resources (53), shutdown (57P),
 * disk (58), and statement_timeout (57014), which an overloaded server runs into.
 */
export function isUnavailableState(sqlState: string): boolean {
  return unavailableStates.test(sqlState);
}
