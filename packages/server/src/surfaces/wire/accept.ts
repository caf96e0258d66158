/**
 * Whether a list of what a caller takes (RFC 9110 section 12.5) names this very type or coding, and not with the weight 0.
 * Wildcards do not count: what is asked about here is given to whoever asked for it by name.
 */
export function acceptsNamed(list: string, name: string): boolean {
  return list.split(',').some((item) => {
    const [first = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    return first === name && !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter));
  });
}
