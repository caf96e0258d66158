// What a schema has against a request, in the contract's list of errors. Codes are the contract's; values are not repeated.

import type { z } from 'zod';
import type { WireError } from './answers.js';

const mostErrors = 20;

export function wireErrorsOf(error: z.ZodError): WireError[] {
  return error.issues.slice(0, mostErrors).map((issue) => ({
    code: codeOf(issue),
    message: isMissing(issue) ? 'is required' : issue.message,
    // The first part says where it stood: in the body or in the query.
    path: issue.path.slice(1).map(String).join('.') || null,
  }));
}

function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom' && typeof issue.params?.['code'] === 'string') return issue.params['code'];
  if (issue.code === 'too_big' || issue.code === 'too_small') return 'Size';
  return isMissing(issue) ? 'NotNull' : 'NOT_VALID';
}

function isMissing(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' && issue.input === undefined;
}
