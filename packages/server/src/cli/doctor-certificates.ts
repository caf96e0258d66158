// The part of `doctor` that looks ahead: certificates of clients that end soon, so that nobody learns of it from an outage.

import { decideExpiryAdvice, noticeDays } from '../certificates/index.js';
import { type CertificateListBody, certificateListSchema } from '../surfaces/management/schemas/certificates.js';
import type { Check } from './doctor-checks.js';
import { describeDuration } from './duration.js';
import { askManagement } from './management-client.js';

const [withinDays] = noticeDays;
const failMs = 7 * 86_400_000;
const mostLines = 10;
const name = 'client certificate';

export async function checkEndingCertificates(dataDirectory: string, now: number): Promise<readonly Check[]> {
  const path = `/certificates?endingWithinDays=${withinDays}`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: certificateListSchema });
  if (answer.ok) return judgeEndingCertificates(answer.value, now);
  const remedy = answer.outcome.problem?.message ?? 'look into the log of the server';
  return [{ name: 'client certificates', result: 'fail', detail: 'can not be asked for', remedy }];
}

/** @param page the first of those that end soon, the first to end first; the rest of them is counted by this page alone */
export function judgeEndingCertificates({ certificates, next }: CertificateListBody, now: number): readonly Check[] {
  if (certificates.length === 0) {
    return [{ name: 'client certificates', result: 'ok', detail: `none ends within ${withinDays} days` }];
  }
  const checks = certificates.map((certificate) => judge(certificate, now));
  const rest = checks.slice(mostLines);
  if (rest.length === 0) return checks;
  const result = (['fail', 'warn'] as const).find((worst) => rest.some((check) => check.result === worst)) ?? 'ok';
  const detail = `${next === null ? '' : 'at least '}${rest.length} more end within ${withinDays} days`;
  const remedy = `"tollward certs list --ending-within ${withinDays}" lists them`;
  return [...checks.slice(0, mostLines), { name, result, detail, remedy }];
}

function judge(certificate: CertificateListBody['certificates'][number], now: number): Check {
  const { id, clientName, organisation, environment, notAfter } = certificate;
  const leftMs = Math.max(0, notAfter.getTime() - now);
  const { level, situation, remedy } = decideExpiryAdvice(certificate, now);
  const whose = `${id} of ${clientName} of ${organisation} (${environment})`;
  const detail = `${whose} ends in ${describeDuration(leftMs / 1_000)}, at ${notAfter.toISOString()}; ${situation}`;
  if (level === 'info') return { name, result: 'ok', detail, remedy };
  return { name, result: leftMs < failMs ? 'fail' : 'warn', detail, remedy };
}
