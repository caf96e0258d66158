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

  readonly directory: string;
  readonly hint: string;

  constructor(directory: string, hint = '') {
    super(`The data directory ${directory} is in use: another Tollward process is running on it.${hint}`);
    this.directory = directory;
    this.hint = hint;
  }
}

export class NoDatabaseError extends Error {
  override readonly name = 'NoDatabaseError';

  constructor(directory: string) {
    super(
      `There is no database in ${directory}. Name the data directory with --data-dir, or PostgreSQL with TOLLWARD_DATABASE_URL.`,
    );
  }
}

/** The server answers, but Tollward must not run on it as it is. */
export class UnsupportedDatabaseError extends Error {
  override readonly name = 'UnsupportedDatabaseError';
}

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export class ImportError extends Error {
  override readonly name = 'ImportError';

  constructor(reason: string) {
    super(`Nothing was imported: ${reason}`);
  }
}

/** A statement of the unit of work failed and the failure was swallowed, so its COMMIT rolled everything back. */
export class NothingCommittedError extends Error {
  override readonly name = 'NothingCommittedError';

  constructor() {
    super('A statement of this unit of work failed, so PostgreSQL rolled it back instead of committing it.');
  }
}

/** What in a fault means "try again later"; undefined when some of it does not. */
export function findUnavailable(fault: unknown): DatabaseUnavailableError | undefined {
  if (fault instanceof DatabaseUnavailableError) return fault;
  if (!(fault instanceof AggregateError)) return undefined;
  const found = fault.errors.map(findUnavailable);
  return found.includes(undefined) ? undefined : found[0];
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
