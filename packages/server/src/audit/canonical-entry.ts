// The bytes of an audit entry: JSON with a fixed order of members and sorted details, so that a verifier can rebuild them.

export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

/** The columns of an entry, as text. */
export interface EntryColumns {
  readonly id: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly occurredAt: string;
  readonly environment: string | null;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
}

const formatVersion = 1;

export function canonicalEntry(columns: EntryColumns, details: AuditDetails): string {
  const { id, occurredAt, environment, actor, action, subject } = columns;
  const sorted = Object.fromEntries(Object.entries(details).sort(([left], [right]) => (left < right ? -1 : 1)));
  return JSON.stringify([formatVersion, id, occurredAt, environment, actor, action, subject, sorted]);
}

/** The details of an entry; undefined when its text is none of ours. */
export function parseDetails(entry: string): AuditDetails | undefined {
  let members: unknown;
  try {
    members = JSON.parse(entry);
  } catch {
    return undefined;
  }
  const details: unknown = Array.isArray(members) ? members.at(-1) : undefined;
  return isDetails(details) ? details : undefined;
}

function isDetails(value: unknown): value is AuditDetails {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((each) => each === null || ['string', 'number', 'boolean'].includes(typeof each));
}
