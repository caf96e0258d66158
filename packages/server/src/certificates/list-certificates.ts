import type { Database } from '../platform/database/database.js';
import { type UsageRecorder, writeUsesIfPossible } from '../usage/index.js';
import { type CertificateSelection, type ListedCertificate, readCertificatePage } from './listed-certificate-store.js';

export interface ListCertificatesDependencies {
  readonly database: Database;
  readonly usage: UsageRecorder;
}

export interface CertificatePage {
  readonly certificates: readonly ListedCertificate[];
  /** What to continue after; null when there are no more. */
  readonly next: string | null;
}

/** A page of certificates with what tells whether their end matters, the first to end first. */
export async function listCertificates(
  selection: CertificateSelection,
  now: number,
  { database, usage }: ListCertificatesDependencies,
): Promise<CertificatePage> {
  await writeUsesIfPossible(usage);
  const { limit } = selection;
  const oneMore = { ...selection, limit: limit + 1 };
  const found = await database.read((tx) => readCertificatePage(tx, oneMore, now, usage));
  const certificates = found.slice(0, limit);
  return { certificates, next: found.length > limit ? (certificates.at(-1)?.id ?? null) : null };
}
