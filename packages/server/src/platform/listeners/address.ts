import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface PeerAddress {
  /** For logs and evidence. */
  readonly text: string;
  /** What limits count by: an IPv4 address, or the /64 of an IPv6 address, which one site can fill at will. */
  readonly limitKey: string;
}

/** A block of addresses: one address is the block of full length. */
export type AddressRange = readonly [start: ipaddr.IPv4 | ipaddr.IPv6, prefixLength: number];

/** Reads the remote address of a socket; a socket that is already gone has none. */
export function parsePeerAddress(remote: string | undefined): PeerAddress {
  const address = readAddress(remote ?? '');
  if (address === undefined) return { text: 'unknown', limitKey: 'unknown' };
  const text = address.toString();
  return { text, limitKey: address.kind() === 'ipv4' ? text : address.toByteArray().slice(0, 8).join('.') };
}

/**
 * Reads an address (`203.0.113.7`) or a CIDR block (`203.0.113.0/24`, `2001:db8::/32`, RFC 4632 and RFC 4291). An IPv4 address
 * in IPv6 dress is the IPv4 address. Undefined when the text is neither, or when bits are set behind the prefix: whoever
 * writes `203.0.113.7/24` may mean the one or the other.
 */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [address = '', prefix, ...more] = text.split('/');
  if (more.length > 0 || (prefix !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefix))) return undefined;
  const start = address.includes('%') ? undefined : readAddress(address);
  if (start === undefined) return undefined;
  const mapped = start.kind() === 'ipv4' && address.includes(':');
  const bits = start.kind() === 'ipv4' ? 32 : 128;
  const prefixLength = prefix === undefined ? bits : Number(prefix) - (mapped ? 96 : 0);
  if (prefixLength < 0 || prefixLength > bits) return undefined;
  return hasBitsBehind(start.toByteArray(), prefixLength) ? undefined : [start, prefixLength];
}

/** `203.0.113.7` or `203.0.113.0/24`; IPv6 in its short form (RFC 5952). */
export function formatAddressRange([start, prefixLength]: AddressRange): string {
  const full = prefixLength === (start.kind() === 'ipv4' ? 32 : 128);
  return full ? start.toString() : `${start.toString()}/${prefixLength}`;
}

/** Whether an address, as `parsePeerAddress` writes it, lies in one of the ranges. */
export function isInRanges(addressText: string, ranges: readonly AddressRange[]): boolean {
  const address = readAddress(addressText);
  if (address === undefined) return false;
  return ranges.some(([start, prefixLength]) => start.kind() === address.kind() && address.match(start, prefixLength));
}

/**
 * An address in one of its strict spellings; one of IPv4 in IPv6 dress (`::ffff:203.0.113.7`) comes out as IPv4. Short forms such
 * as 10.1 or 0x0a000001 are one thing to one reader and another to the next, so they are none.
 */
function readAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (isIP(text) === 0) return undefined;
  // ipaddr.js takes `::203.0.113.7` for an IPv4 address; it is one of IPv6 (RFC 4291 section 2.5.5.1).
  const compatible = /^::(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (compatible === undefined) return ipaddr.process(text);
  return new ipaddr.IPv6([...new Array<number>(12).fill(0), ...ipaddr.IPv4.parse(compatible).toByteArray()]);
}

function hasBitsBehind(bytes: readonly number[], prefixLength: number): boolean {
  return bytes.some((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefixLength - index * 8));
    return (byte & (0xff >> kept)) !== 0;
  });
}
