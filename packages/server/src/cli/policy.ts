// The policy switches of a client: as options of `clients create` and `clients update`, and as people read them.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseAddressRange } from '../platform/listeners/address.js';
import type { ChangeableBody } from '../surfaces/management/schemas/clients.js';
import { durationWithin } from './duration.js';

type Switch = 'on' | 'off';
type Limits = { readonly perSecond: number; readonly perMinute: number };

export interface PolicyOptions {
  readonly mtls?: Switch;
  readonly embeddedModel?: Switch;
  readonly sca?: Switch;
  readonly allow?: readonly string[];
  readonly rate?: Limits | 'default';
  readonly tokenLifetime?: number;
}

const anyAddress = 'any';
const switches = ['on', 'off'] as const;

/** All switches but --mtls, which has a default where a client is made. */
export function addPolicyOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--embedded-model <switch>', 'whether its client-credentials tokens reach profiles').choices(switches),
    )
    .addOption(
      new Option('--sca <switch>', 'strong customer authentication; off in the sandbox only').choices(switches),
    )
    .addOption(
      new Option('--allow <address-or-cidr...>', 'the only addresses it may come from; "any" for all').argParser(
        collectAddresses,
      ),
    )
    .addOption(
      new Option('--rate <per-second/per-minute>', 'limits of its own, such as 10/300; "default" for none').argParser(
        parseRate,
      ),
    )
    .addOption(
      new Option('--token-lifetime <duration>', 'how long its access tokens are in force, such as 12h').argParser(
        durationWithin('10s', '24h'),
      ),
    );
}

export function mtlsOption(): Option {
  return new Option('--mtls <switch>', 'whether it must use mutual TLS').choices(switches);
}

function collectAddresses(text: string, before: readonly string[] | undefined): readonly string[] {
  const all = [...(before ?? []), text];
  if (all.length > 1 && all.includes(anyAddress)) throw new InvalidArgumentError('"any" can not stand beside others.');
  if (text === anyAddress || parseAddressRange(text) !== undefined) return all;
  throw new InvalidArgumentError(
    'It must be an IPv4 or IPv6 address, or a CIDR block without bits behind the prefix, such as 203.0.113.0/24.',
  );
}

function parseRate(text: string): Limits | 'default' {
  if (text === 'default') return text;
  const [, perSecond, perMinute] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (perSecond === undefined || perMinute === undefined) {
    throw new InvalidArgumentError('It must be requests a second and a minute, such as 10/300, or "default".');
  }
  return { perSecond: Number(perSecond), perMinute: Number(perMinute) };
}

/** The body of a request to the management API. What was not asked for is undefined, and so left out of the JSON. */
export function policyBody({ mtls, embeddedModel, sca, allow, rate, tokenLifetime }: PolicyOptions) {
  return {
    mtlsRequired: mtls && mtls === 'on',
    embeddedModel: embeddedModel && embeddedModel === 'on',
    scaOff: sca && sca === 'off',
    allowedAddresses: allow?.filter((address) => address !== anyAddress),
    limits: rate === 'default' ? null : rate,
    accessTokenLifetimeSeconds: tokenLifetime,
  };
}

export function describePolicy(client: ChangeableBody): [label: string, value: string][] {
  const { allowedAddresses, limits, accessTokenLifetimeSeconds: lifetimeSeconds } = client;
  return [
    ['Mutual TLS', client.mtlsRequired ? 'required' : 'off'],
    ['Embedded model', client.embeddedModel ? 'on' : 'off'],
    ['SCA', client.scaOff ? 'off' : 'on'],
    ['Addresses', allowedAddresses.length === 0 ? 'any' : allowedAddresses.join(', ')],
    ['Limits', limits === null ? 'default' : `${limits.perSecond} a second, ${limits.perMinute} a minute`],
    ['Tokens', `in force for ${lifetimeSeconds} seconds`],
  ];
}
