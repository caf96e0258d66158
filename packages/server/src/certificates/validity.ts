// Validity and serial number of what we issue (RFC 5280 sections 4.1.2.2 and 4.1.2.5).

import type { RandomBytes } from '../platform/random.js';

const secondMilliseconds = 1000;
const dayMilliseconds = 86_400 * secondMilliseconds;

/** A partner's clock may run behind ours; what was just issued must still be valid there. */
const backdatingMilliseconds = 300 * secondMilliseconds;

export function validityFrom(now: number, lifetimeDays: number): { notBefore: number; notAfter: number } {
  return {
    notBefore: wholeSeconds(now - backdatingMilliseconds),
    notAfter: wholeSeconds(now + lifetimeDays * dayMilliseconds),
  };
}

/** Sixteen octets, positive and without a leading zero, so that every reader prints the same serial number. */
export function createSerialNumber(randomBytes: RandomBytes): Buffer {
  const serialNumber = Buffer.from(randomBytes(16));
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x7f) | 0x40;
  return serialNumber;
}

/** X.509 times have no fraction of a second. */
function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / secondMilliseconds) * secondMilliseconds;
}
