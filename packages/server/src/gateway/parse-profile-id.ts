// Which profile a call is about. The upstream reads the request again with a parser of its own, so only a spelling that
// every parser reads alike is believed; anything that some parser could take for the parameter counts as the parameter.

import type { ProfileParameter } from './policy/policy.js';

export type ParsedProfileId =
  /** `null`: it may be left out, and is. */
  | { readonly ok: true; readonly profileId: string | null }
  | {
      readonly ok: false;
      readonly problem: 'parameter_repeated' | 'profile_missing' | 'profile_malformed';
      readonly parameter: string;
      readonly seen: string;
    };

const digits = /^[1-9][0-9]{0,18}$/;
const largestInt64 = 9_223_372_036_854_775_807n;

export function parseProfileId(
  rule: ProfileParameter,
  parameters: Readonly<Record<string, string>>,
  query = '',
): ParsedProfileId {
  if (rule.in === 'path') return parseValue(rule.name, parameters[rule.name]);
  const names = [rule.name, ...rule.aliases];
  // A semicolon stands between parameters for some parsers, and inside of them for others.
  const pieces = query.split(/[&;]/).flatMap((text) => {
    const name = names.find((candidate) => mayName(text, candidate));
    return name === undefined ? [] : { text, name };
  });
  const [piece] = pieces;
  if (piece === undefined) {
    return rule.optional ? { ok: true, profileId: null } : parseValue(rule.name, undefined);
  }
  const { text, name } = piece;
  if (pieces.length > 1) {
    const parameter = names.join(' or ');
    return { ok: false, problem: 'parameter_repeated', parameter, seen: `${pieces.length} that read as ${parameter}` };
  }
  if (text === name) return parseValue(name, '');
  const isPlain = text.startsWith(`${name}=`) && query.split('&').includes(text);
  return isPlain ? parseValue(name, text.slice(name.length + 1)) : malformed(name, `${name} in another spelling`);
}

/**
 * Whether some parser reads this part of a query as the parameter: escapes decoded, case and spaces around it ignored, as
 * an array or object (`profile[]`, `profile.id`), or cut at a character that is in no name.
 */
function mayName(piece: string, name: string): boolean {
  const [decoded = ''] = new URLSearchParams(piece).keys();
  return /^\s*([\w-]*)/.exec(decoded)?.[1]?.toLowerCase() === name.toLowerCase();
}

function parseValue(parameter: string, value: string | undefined): ParsedProfileId {
  if (value === undefined || value === '') {
    const seen = value === undefined ? `no ${parameter}` : `an empty ${parameter}`;
    return { ok: false, problem: 'profile_missing', parameter, seen };
  }
  if (!digits.test(value) || BigInt(value) > largestInt64) return malformed(parameter, `${parameter}=${value}`);
  return { ok: true, profileId: value };
}

function malformed(parameter: string, seen: string): ParsedProfileId {
  return { ok: false, problem: 'profile_malformed', parameter, seen };
}
