// The authorities that Node trusts, written out: it takes either its own list or the one that it is given. Its own comes with it, so
// the list of the operating system is among it only where Node was told so (`--use-system-ca` of Node 22.15 and later).

import { readFile } from 'node:fs/promises';
import * as tls from 'node:tls';

/** In PEM: what Node would trust if nobody said anything. */
export async function systemAuthorities(): Promise<readonly string[]> {
  // Node 22.15 and later tell it. Before, only the list that comes with Node and the variable can be known.
  if ('getCACertificates' in tls && typeof tls.getCACertificates === 'function')
    return tls.getCACertificates('default');
  return [...tls.rootCertificates, ...(await extraAuthorities(process.env['NODE_EXTRA_CA_CERTS']))];
}

async function extraAuthorities(path: string | undefined): Promise<readonly string[]> {
  if (path === undefined || path === '') return [];
  try {
    return [await readFile(path, 'utf8')];
  } catch {
    // Node warned of it at its start, and went on without.
    return [];
  }
}
