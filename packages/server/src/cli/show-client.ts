// `clients show`: a client, its credentials, and who uses them.

import { styleText } from 'node:util';
import { printable } from '../platform/printable.js';
import type { CertificateBody } from '../surfaces/management/schemas/certificates.js';
import {
  type ClientDetailsBody,
  type ClientSummaryBody,
  clientDetailsSchema,
} from '../surfaces/management/schemas/clients.js';
import type { SecretBody } from '../surfaces/management/schemas/secrets.js';
import { type CliContext, done, type Outcome } from './cli.js';
import { renderRetirement } from './credential-uses.js';
import { askManagement } from './management-client.js';
import { describePolicy } from './policy.js';
import { lineWidth, type Page, renderFields, wrap } from './text.js';

const indent = '  ';

export async function showClient(
  dataDirectory: string,
  id: string,
  safeAfterSeconds: number,
  context: CliContext,
): Promise<Outcome> {
  const path = `/clients/${encodeURIComponent(id)}?quietSeconds=${safeAfterSeconds}`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: clientDetailsSchema });
  return answer.ok ? done(renderClient(answer.value, context, context.clock()), answer.value) : answer.outcome;
}

export function renderClient(client: ClientDetailsBody, page: Page, now: number): string {
  const { secrets, certificates } = client;
  const fields: [string, string][] = [
    ['Client', client.id],
    ['Name', client.name],
    ['Organisation', `${client.organisation.name} (${client.organisation.id})`],
    ['Environment', client.environment],
    ['State', describeClientState(client)],
    ...describePolicy(client),
    ['Created', client.createdAt.toISOString()],
  ];
  const inner = { ...page, width: lineWidth(page) - indent.length };
  const certificateNames = new Map(certificates.map(({ id, name }) => [id, name]));
  const view = { now, certificateNames };
  const blocks = [
    ...liveFirst(secrets).map((secret) => [
      renderHead(describeSecret(secret, now), page),
      ...renderRetirement(secret, view, inner),
    ]),
    ...liveFirst(certificates).map((certificate) => [
      renderHead(describeCertificate(certificate, now), page),
      ...describeDigests(certificate, inner.width),
      ...renderRetirement(certificate, view, inner),
    ]),
  ];
  if (certificates.length === 0) blocks.push([renderHead('Certificate: none', page)]);
  return [renderFields(fields, page), ...blocks.map((lines) => lines.join(`\n${indent}`))].join('\n\n');
}

export function describeClientState({ revokedAt }: Pick<ClientSummaryBody, 'revokedAt'>): string {
  return revokedAt === null ? 'in force' : `revoked at ${revokedAt.toISOString()}`;
}

const outOfUse = ['replaced', 'revoked', 'expired'];

function liveFirst<Credential extends { readonly state: string }>(credentials: readonly Credential[]): Credential[] {
  const isOut = ({ state }: Credential) => Number(outOfUse.includes(state));
  return credentials.toSorted((left, right) => isOut(left) - isOut(right));
}

function renderHead(text: string, page: Page): string {
  const head = wrap(printable(text), lineWidth(page)).join(`\n${indent}`);
  return page.colour ? styleText('bold', head) : head;
}

function describeSecret(secret: SecretBody, now: number): string {
  return `Secret ${secret.id}, ends in ${secret.hint}: ${describeSecretState(secret, now)}`;
}

export function describeSecretState({ state, usableUntil, pausedUntil }: SecretBody, now: number): string {
  const until = state === 'ending' && usableUntil !== null ? `, gets tokens until ${usableUntil.toISOString()}` : '';
  return `${describePause(pausedUntil, now)}${state}${until}`;
}

function describeCertificate(certificate: CertificateBody, now: number): string {
  const { id, name, origin, keyType, notAfter } = certificate;
  const state = describeCertificateState(certificate, now);
  return `Certificate ${id}, "${name}": ${state}, ${origin}, ${keyType}, valid until ${notAfter.toISOString()}`;
}

export function describeCertificateState(
  { state, pausedUntil }: Pick<CertificateBody, 'state' | 'pausedUntil'>,
  now: number,
): string {
  return `${describePause(pausedUntil, now)}${state}`;
}

function describePause(pausedUntil: Date | null, now: number): string {
  return pausedUntil === null || pausedUntil.getTime() <= now ? '' : `paused until ${pausedUntil.toISOString()}, then `;
}

/** Hex for comparing with openssl, base64url as `explain` shows it (RFC 8705 section 3.1). */
function describeDigests({ sha256 }: Pick<CertificateBody, 'sha256'>, width: number): string[] {
  return wrap(`sha256 in hex ${sha256}, in base64url ${Buffer.from(sha256, 'hex').toString('base64url')}`, width);
}
