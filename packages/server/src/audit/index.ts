export { type Actor, appendAuditEntry } from './append.js';
