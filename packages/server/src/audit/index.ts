export { type Actor, type AuditFact, appendAuditEntry } from './append.js';
