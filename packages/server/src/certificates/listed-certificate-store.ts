// Certificates with whose they are and who uses them: the list, the notices of expiry and the figures about it.

import { type Environment, environments } from '@tollward/protocol';
import type { ExpressionBuilder } from 'kysely';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Tables } from '../platform/database/tables.js';
import { type UsageRecorder, usesKnownSince } from '../usage/index.js';
import { type CertificateSummary, summaryColumns, toSummary } from './certificate-store.js';
import { type CertificateState, decideCertificateState } from './decide-certificate-state.js';
import {
  decideExpiryNotice,
  type EndingCertificate,
  type ExpiryNotice,
  expiryNotices,
  noticeDays,
} from './decide-expiry-notice.js';

const dayMs = 24 * 60 * 60_000;

export interface ListedCertificate extends CertificateSummary, EndingCertificate {
  readonly state: CertificateState;
  readonly clientName: string;
  readonly organisation: string;
}

/** How the uses of certificates are known: those of before `lastDroppedAt` are not all counted. */
type KnownUses = Pick<UsageRecorder, 'lastDroppedAt'>;

export interface CertificateSelection {
  readonly environment?: Environment | undefined;
  readonly clientId?: string | undefined;
  /** Only those neither revoked nor over, of clients not revoked, that end within so many days. */
  readonly endingWithinDays?: number | undefined;
  readonly limit: number;
  /** The last one of the page before. */
  readonly after?: string | undefined;
}

/** The first to end first. */
export async function readCertificatePage(
  tx: ReadTx,
  { environment, clientId, endingWithinDays, limit, after }: CertificateSelection,
  now: number,
  uses: KnownUses,
): Promise<readonly ListedCertificate[]> {
  let chosen = selectByEnd(tx).limit(limit);
  if (environment !== undefined) chosen = chosen.where('environment', '=', environment);
  if (clientId !== undefined) chosen = chosen.where('client_id', '=', clientId);
  if (after !== undefined) {
    chosen = chosen.where(({ eb, refTuple, selectFrom }) => {
      const last = selectFrom('certificates as last')
        .select(['last.not_after', 'last.id'])
        .where('last.id', '=', after);
      return eb(refTuple('certificates.not_after', 'certificates.id'), '>', last.$asTuple('not_after', 'id'));
    });
  }
  if (endingWithinDays !== undefined) {
    chosen = chosen
      .where('revoked_at', 'is', null)
      .where(isOfUsableClient)
      .where('not_after', '>', new Date(now))
      .where('not_after', '<=', new Date(now + endingWithinDays * dayMs));
  }
  return (await describeChosen(tx, chosen, now, uses)).map(({ listed }) => listed);
}

/** A certificate of which a notice is to be given now. */
export interface DueCertificate {
  readonly notice: ExpiryNotice;
  readonly certificate: ListedCertificate;
}

/** Takes the notices that are due, the soonest end first, so that nobody gives them again. */
export async function takeDueNotices(
  tx: Tx,
  most: number,
  now: number,
  uses: KnownUses,
): Promise<readonly DueCertificate[]> {
  const chosen = selectByEnd(tx)
    .where('revoked_at', 'is', null)
    .where(isOfUsableClient)
    .where((row) =>
      row.or(
        expiryNotices.map((days) =>
          row.and([
            row('not_after', '<=', new Date(now + days * dayMs)),
            row.or([row('expiry_notice_days', 'is', null), row('expiry_notice_days', '>', days)]),
          ]),
        ),
      ),
    )
    .limit(most)
    // Another node that takes notices has these rows locked, and one that has just taken them has changed them.
    .forUpdate()
    .skipLocked();
  const due = (await describeChosen(tx, chosen, now, uses)).flatMap(({ listed, lastNotice }) => {
    const notice = decideExpiryNotice(listed.notAfter.getTime(), lastNotice, now);
    return notice === undefined ? [] : [{ notice, certificate: listed }];
  });
  for (const notice of expiryNotices) {
    const ids = due.filter((one) => one.notice === notice).map(({ certificate }) => certificate.id);
    if (ids.length === 0) continue;
    await tx.updateTable('certificates').set({ expiry_notice_days: notice }).where('id', 'in', ids).execute();
  }
  return due;
}

type Chosen = ReturnType<typeof selectByEnd>;

function selectByEnd(tx: ReadTx) {
  return tx
    .selectFrom('certificates')
    .select([...summaryColumns, 'certificates.expiry_notice_days'])
    .orderBy('not_after')
    .orderBy('id');
}

/** By `not exists`: without statistics, which PGlite has none of, a join is done from the clients, one by one. */
function isOfUsableClient(row: ExpressionBuilder<Tables, 'certificates'>) {
  return row.not(
    row.exists(
      row
        .selectFrom('clients')
        .select('clients.id')
        .whereRef('clients.environment', '=', 'certificates.environment')
        .whereRef('clients.id', '=', 'certificates.client_id')
        .where('clients.revoked_at', 'is not', null),
    ),
  );
}

/** One query: it looks up owners and uses only after the certificates are chosen, and so not for every one there is. */
async function describeChosen(
  tx: ReadTx,
  chosen: Chosen,
  now: number,
  uses: KnownUses,
): Promise<readonly { readonly listed: ListedCertificate; readonly lastNotice: number | null }[]> {
  const rows = await tx
    .selectFrom(chosen.as('chosen'))
    .innerJoin('clients', (join) =>
      join.onRef('clients.environment', '=', 'chosen.environment').onRef('clients.id', '=', 'chosen.client_id'),
    )
    .innerJoin('organisations', 'organisations.id', 'clients.organisation_id')
    .leftJoinLateral(
      (from) =>
        from
          .selectFrom('credential_uses')
          .select(['last_used_at', 'address'])
          .whereRef('credential_uses.environment', '=', 'chosen.environment')
          .whereRef('credential_id', '=', 'chosen.id')
          .where('last_used_at', 'is not', null)
          .orderBy('last_used_at', 'desc')
          .limit(1)
          .as('last_use'),
      (join) => join.onTrue(),
    )
    .innerJoinLateral(
      (from) =>
        from
          .selectFrom('certificates as other')
          .select((row) =>
            row.fn
              .max('other.not_after')
              .filterWhere('other.revoked_at', 'is', null)
              .filterWhere('other.not_before', '<=', new Date(now))
              .as('latest_end'),
          )
          .whereRef('other.environment', '=', 'chosen.environment')
          .whereRef('other.client_id', '=', 'chosen.client_id')
          .as('of_client'),
      (join) => join.onTrue(),
    )
    .selectAll('chosen')
    .select([
      'clients.name as client_name',
      'organisations.name as organisation',
      'last_use.last_used_at',
      'last_use.address as last_used_from',
      'of_client.latest_end',
    ])
    .orderBy('chosen.not_after')
    .orderBy('chosen.id')
    .execute();
  return rows.map((row) => {
    const summary = toSummary(row);
    const listed = {
      ...summary,
      state: decideCertificateState(summary, now),
      clientName: row.client_name,
      organisation: row.organisation,
      lastUsedAt: row.last_used_at,
      lastUsedFrom: row.last_used_from,
      usesKnownSince: new Date(usesKnownSince({ usesCountedSince: row.uses_counted_since }, uses)),
      laterOne: row.latest_end !== null && row.latest_end.getTime() > Math.max(row.not_after.getTime(), now),
    };
    return { listed, lastNotice: row.expiry_notice_days };
  });
}

/** What is ahead of the client certificates of an environment that are in force. */
export interface ExpiryOutlook {
  readonly environment: Environment;
  /** Null when there is none in force. */
  readonly soonestEnd: Date | null;
  readonly ending: readonly { readonly withinDays: number; readonly count: number }[];
}

export async function readExpiryOutlook(tx: ReadTx, now: number): Promise<readonly ExpiryOutlook[]> {
  const rows = await tx
    .selectFrom('certificates')
    .select((row) => [
      'environment',
      row.fn.min('not_after').as('soonest'),
      ...noticeDays.map((days) =>
        row.fn
          .countAll<bigint>()
          .filterWhere('not_after', '<=', new Date(now + days * dayMs))
          .as(`within_${days}`),
      ),
    ])
    .where('revoked_at', 'is', null)
    .where(isOfUsableClient)
    .where('not_before', '<=', new Date(now))
    .where('not_after', '>', new Date(now))
    .groupBy('environment')
    .execute();
  return environments.map((environment) => {
    const row = rows.find((each) => each.environment === environment);
    return {
      environment,
      soonestEnd: row?.soonest ?? null,
      ending: noticeDays.map((withinDays) => ({ withinDays, count: Number(row?.[`within_${withinDays}`] ?? 0) })),
    };
  });
}
