import type { Dispatcher } from 'undici';
import type { Deadline } from './request/deadline.js';
import type { CertificateFacts, Line, Transport } from './transport/transport.js';

/** A line that more than one may need: a call, and the token request that others wait for too when the call is given up. */
export interface SharedLine {
  readonly dispatcher: Dispatcher;
  readonly thumbprint: string | null;
  readonly certificate: CertificateFacts | null;
  /** Returns what lets go of it. The line is released after the last holder. */
  hold(): () => void;
}

/** A line with its first holder. @throws what Transport.acquire() throws, and the reason of the deadline */
export async function takeLine(
  transport: Pick<Transport, 'acquire'>,
  deadline: Deadline,
): Promise<{ readonly line: SharedLine; readonly release: () => void }> {
  const acquired = transport.acquire();
  try {
    const line = shareLine(await deadline.race(acquired));
    return { line, release: line.hold() };
  } catch (error) {
    // It may still come, to nobody.
    acquired.then(
      (late) => late.release(),
      () => undefined,
    );
    throw error;
  }
}

function shareLine(line: Line): SharedLine {
  let holders = 0;
  return {
    dispatcher: line.dispatcher,
    thumbprint: line.thumbprint,
    certificate: line.certificate,
    hold: () => {
      holders += 1;
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        holders -= 1;
        if (holders === 0) line.release();
      };
    },
  };
}
