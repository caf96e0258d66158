export { decideStanding } from './decide-standing.js';
export { inspectToken } from './inspect-token.js';
export { type IssuedToken, type IssueTokenDependencies, issueToken } from './issue-token.js';
export type { OpenedToken, TokenClaims } from './sealed-token.js';
export { createStanding, type Standing } from './standing.js';
export { openTokenKeyring } from './token-keyring.js';
export { createTokenOpener, type TokenOpener } from './token-opener.js';
