export { createProfileQuestion } from './ask-profile.js';
export { passAnswerHeaders, passRequestHeaders, requestHeaderNames } from './header-rules.js';
export {
  assertionHeader,
  createIdentityAssertions,
  type IdentityAssertions,
} from './identity-assertion.js';
export {
  type AdmittedCall,
  type AuthenticatedCall,
  confirmAdmission,
  type PipelineDependencies,
  runPipeline,
} from './pipeline.js';
export { openPolicies, type Policies } from './policy/open-policies.js';
export { parsePolicy } from './policy/parse-policy.js';
export { calendarVersion } from './policy/path-template.js';
export type {
  Policy,
  RoutePolicy,
  RouteRules,
  UpstreamPolicy,
} from './policy/policy.js';
export { findPolicyProblems, readPolicies, readPolicyFile, shippedPolicyFile } from './policy/read-policy.js';
export type { RouteMatch } from './policy/route-table.js';
export { type DescribedParameter, openWireDescription, type WireDescription } from './policy/wire-description.js';
export {
  createProfileDirectory,
  type ProfileDirectory,
  type ProfileFacts,
} from './profile-directory.js';
export type { ProtectedCall } from './protected-call.js';
export { refusalsByStep, refusalsOfEdge, refusalsOfForwarding } from './refusals-by-step.js';
