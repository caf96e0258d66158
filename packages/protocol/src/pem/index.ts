// Not part of the package's main entry: only what takes files from people needs it, a web page included.

export { decodeBase64 } from './base64.js';
export { encodePem } from './encode-pem.js';
export type { PasteProblem, PemWanted } from './paste-problem.js';
export { type DescribedPaste, describePaste, type Intake, readPaste } from './read-paste.js';
