export { errorOf, isUnderOAuth, shapeOf } from './answer-error.js';
export { type CatalogueEntry, catalogue, publicText, statusOf } from './catalogue.js';
export { describeExceeded } from './describe-exceeded.js';
export { type ExplainedRefusal, explainRefusal } from './explain-refusal.js';
export { createRefusalRecorder, type RefusalRecorder, type RefusedRequest } from './record-refusal.js';
export { isRefusal, protectedCallSteps, type Refusal } from './refusal.js';
