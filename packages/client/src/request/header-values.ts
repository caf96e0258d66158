// What may stand in a header (RFC 9110 sections 5.1 and 5.5), so that no value can end its line and begin another.

/** Visible ASCII and spaces, no space at either end. */
export function isSendable(value: string): boolean {
  return /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/.test(value);
}

export function isToken(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}
