export type { EnvironmentName } from './environments.js';
export * from './errors.js';
export type { JobClient } from './job-client.js';
export type * from './options.js';
export { type CertificateStatus, type CloseOptions, PartnerClient, type TokenOptions } from './partner-client.js';
export type { ApiCaller } from './request/api-caller.js';
export type { ApiFetch } from './request/api-fetch.js';
export type {
  AnswerHeaders,
  ApiResponse,
  BodyOf,
  QueryValue,
  RequestOptions,
  ResponseType,
} from './request/request-options.js';
export type { AccessToken } from './tokens/access-token.js';
