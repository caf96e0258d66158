export { type Actor, appendAuditEntry } from './append.js';
export { findLastSubject } from './find-last-subject.js';
