export type { EnvironmentName } from '../environments.js';
export type { PartnerClientOptions } from '../options.js';
export {
  type Explanation,
  type FaultedRequests,
  type RenewedCertificate,
  type Sandbox,
  type SandboxFault,
  type SandboxOptions,
  startSandbox,
} from './sandbox.js';
export { SandboxError } from './sandbox-error.js';
