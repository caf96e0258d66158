import ipaddr from 'ipaddr.js';

export interface PeerAddress {
  /** For logs and evidence. */
  readonly text: string;
  /** What limits count by: an IPv4 address, or the /64 of an IPv6 address, which one site can fill at will. */
  readonly limitKey: string;
}

/** Reads the remote address of a socket; a socket that is already gone has none. */
export function parsePeerAddress(remote: string | undefined): PeerAddress {
  if (remote === undefined || !ipaddr.isValid(remote)) return { text: 'unknown', limitKey: 'unknown' };
  const address = ipaddr.process(remote);
  const text = address.toString();
  return { text, limitKey: address.kind() === 'ipv4' ? text : address.toByteArray().slice(0, 8).join('.') };
}
