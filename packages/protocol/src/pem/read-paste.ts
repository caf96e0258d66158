import { examinePaste, type Paste } from './examine-paste.js';
import type { PasteProblem, PemWanted } from './paste-problem.js';
import { remedyFor } from './remedies.js';

export type Intake =
  | { readonly ok: true; readonly der: Uint8Array }
  | { readonly ok: false; readonly problem: PasteProblem; readonly remedy: string };

export type DescribedPaste =
  | Exclude<Paste, { kind: 'problem' }>
  | { readonly kind: 'problem'; readonly problem: PasteProblem; readonly remedy: string };

/** A whole chain has to fit in, so that its owner learns that it is one. */
const mostLengths: Readonly<Record<PemWanted, number>> = { certificate: 64 * 1024, 'certificate-request': 16 * 1024 };

/** Finds the one thing that was asked for, or says what was sent instead. No answer repeats the input. */
export function readPaste(input: string | Uint8Array, wanted: PemWanted): Intake {
  const paste = examinePaste(input, mostLengths[wanted]);
  if (paste.kind === wanted) return { ok: true, der: paste.der };
  const problem = problemOf(paste, wanted);
  return { ok: false, problem, remedy: remedyFor(problem, wanted) };
}

/** Says what it is, when both a certificate and a request are welcome. */
export function describePaste(input: string | Uint8Array): DescribedPaste {
  const paste = examinePaste(input, mostLengths.certificate);
  if (paste.kind !== 'problem') return paste;
  const { problem, about = 'either' } = paste;
  return { kind: 'problem', problem, remedy: remedyFor(problem, about) };
}

function problemOf(paste: Paste, wanted: PemWanted): PasteProblem {
  // How to mend a thing does not help when it is the wrong thing.
  if (paste.kind === 'problem')
    return paste.about === undefined || paste.about === wanted ? paste.problem : paste.about;
  return paste.kind === 'chain' && wanted === 'certificate-request' ? 'certificate' : paste.kind;
}
