import { z } from 'zod';
import { isId } from '../../../platform/ids.js';
import { clientId, displayName, environment, time } from './common.js';
import { credentialUse, retirement } from './usage.js';

const certificateId = z
  .string()
  .refine((text) => isId('crt', text), 'must be a certificate id: crt_ and 32 hex digits');

const certificate = z.object({
  id: z.string(),
  environment,
  clientId: z.string(),
  name: z.string(),
  origin: z.enum(['issued', 'uploaded']),
  state: z.enum(['in force', 'not yet valid', 'expired', 'revoked']),
  sha256: z.string(),
  subject: z.string(),
  issuer: z.string(),
  serialNumber: z.string(),
  keyType: z.string(),
  notBefore: time,
  notAfter: time,
  pausedUntil: time.nullable(),
  revokedAt: time.nullable(),
});

export const usedCertificate = certificate.extend({
  lastUsedAt: time.nullable(),
  /** By anybody, refused or not. */
  lastTriedAt: time.nullable(),
  uses: z.array(credentialUse).readonly(),
  retirement,
});

export type CertificateBody = z.output<typeof usedCertificate>;

export const issueCertificateSchema = z.strictObject({ name: displayName, csr: z.string() });

export const uploadCertificateSchema = z.strictObject({ name: displayName, certificate: z.string() });

export const addedCertificateSchema = z.object({
  certificate,
  /** Of an issued one: itself and its issuers, in the order a TLS client sends them. */
  chainPem: z.string().optional(),
});

export const largestPage = 1_000;

export const certificateListQuerySchema = z.strictObject({
  environment: environment.optional(),
  clientId: clientId.optional(),
  /** Only those neither revoked nor over, of clients not revoked, that end within so many days. */
  endingWithinDays: z.coerce.number().int().min(0).max(366).optional(),
  limit: z.coerce.number().int().min(1).max(largestPage).default(200),
  /** `next` of the page before. */
  after: certificateId.optional(),
});

export const certificateListSchema = z.object({
  certificates: z
    .array(
      certificate.extend({
        clientName: z.string(),
        organisation: z.string(),
        lastUsedAt: time.nullable(),
        /** The address that used it last. */
        lastUsedFrom: z.string().nullable(),
        /** Uses before this moment may not have been counted. */
        usesKnownSince: time,
        /** The client has another one in force that ends later. */
        laterOne: z.boolean(),
      }),
    )
    .readonly(),
  /** Null when there are no more. */
  next: z.string().nullable(),
});

export type CertificateListBody = z.output<typeof certificateListSchema>;

export const certificateDetailsSchema = z.object({ certificate: usedCertificate, pem: z.string() });

export const inspectCertificateSchema = z.strictObject({
  text: z.string(),
  clientId: clientId.optional(),
});

const verdict = {
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })).readonly(),
  accepted: z.boolean(),
  verdict: z.string(),
  remedy: z.string().optional(),
};

/** An explanation of a certificate or request, check by check. */
export const certificateInspectionSchema = z.object({
  ...verdict,
  kind: z.enum(['certificate', 'certificate-request', 'other']),
  facts: z
    .object({
      subject: z.string(),
      issuer: z.string(),
      alternativeNames: z.string(),
      serialNumber: z.string(),
      keyType: z.string(),
      notBefore: time,
      notAfter: time,
      sha256: z.string(),
      thumbprint: z.string(),
      extendedKeyUsage: z.array(z.string()).readonly(),
      selfSigned: z.boolean(),
      authority: z.boolean(),
    })
    .optional(),
  request: z.object({ subject: z.string(), keyType: z.string() }).optional(),
  /** Of every client that has or had it; of the client that was asked about alone, if that is one of them. */
  registrations: z
    .array(
      z.object({
        ...verdict,
        certificateId: z.string(),
        clientId: z.string(),
        name: z.string(),
        environment,
        origin: z.enum(['issued', 'uploaded']),
      }),
    )
    .readonly(),
});

export const platformChainSchema = z.object({
  environment,
  certificates: z
    .array(
      z.object({
        role: z.enum(['root', 'issuing']),
        pem: z.string(),
        subject: z.string(),
        sha256: z.string(),
        notAfter: time,
        usedFrom: time,
      }),
    )
    .readonly(),
});

export const certificateParametersSchema = z.strictObject({ id: certificateId });
