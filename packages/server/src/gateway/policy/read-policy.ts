// Where the policy of an environment comes from: a file that the settings name, a text in the settings, or the one that
// comes with the program.

import { isUtf8 } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Environment } from '@tollward/protocol';
import { type SettingFiles, SettingsError } from '../../platform/config/load-settings.js';
import { type Settings, variableName } from '../../platform/config/settings.js';
import { printable } from '../../platform/printable.js';
import { parsePolicy, type UnusablePolicy } from './parse-policy.js';
import { type ParsedUpstream, parseUpstreamUrl } from './parse-upstream.js';
import type { Policy, UpstreamPolicy } from './policy.js';
import { maximumPolicyBytes } from './policy-text.js';

export interface PolicySettings {
  readonly settings: Pick<Settings, `${Environment}Policy` | `${Environment}Upstream`>;
  /** The files that settings came from. */
  readonly files: SettingFiles;
}

export type PolicyDecision = { readonly ok: true; readonly policy: Policy } | UnusablePolicy;

export interface ReadPolicy {
  /** As problems name it. */
  readonly file: string;
  readonly decision: PolicyDecision;
  /** What `serve` asks for besides: addresses of upstreams that nobody names. `dev` brings them. */
  readonly missing: readonly string[];
}

export const shippedPolicyFile = fileURLToPath(new URL('../../../policy/default.yaml', import.meta.url));

export async function readPolicy(options: PolicySettings, environment: Environment): Promise<ReadPolicy> {
  const { settings } = options;
  const { file, decision } = await readSource(options, environment);
  const upstreamName = `${environment}Upstream` as const;
  const upstream = settings[upstreamName];
  const parsed = upstream === undefined ? undefined : parseUpstreamUrl(upstream);
  if (parsed === undefined || 'url' in parsed) {
    const missing = decision.ok ? findMissingUpstreams(decision.policy, settings, environment) : [];
    return { file, decision, missing };
  }
  const problem = `${variableName(upstreamName)} ${parsed.problem}`;
  const problems = decision.ok ? [problem] : [problem, ...decision.problems];
  return { file, decision: { ok: false, problems }, missing: [] };
}

async function readSource(
  { settings, files }: PolicySettings,
  environment: Environment,
): Promise<{ readonly file: string; readonly decision: PolicyDecision }> {
  const name = `${environment}Policy` as const;
  const [text, named] = [settings[name], files[name]];
  if (text !== undefined && named === undefined) {
    const file = variableName(name);
    return { file, decision: await decidePolicy(text, file, environment) };
  }
  const file = named ?? shippedPolicyFile;
  return { file, decision: await readPolicyFile(file, environment) };
}

/** The file itself and not what the settings read of it: there it has lost its first empty lines, and so its line numbers. */
export async function readPolicyFile(file: string, environment: Environment): Promise<PolicyDecision> {
  const read = await readText(file);
  return 'text' in read
    ? decidePolicy(read.text, file, environment)
    : { ok: false, problems: [`${printable(file)}:1:1: the file ${read.problem}`] };
}

/** Reads the files that a policy names, too, so that none is found missing at the first call that needs it. */
async function decidePolicy(text: string, file: string, environment: Environment): Promise<PolicyDecision> {
  const parsed = parsePolicy(text, file, environment);
  if (!parsed.ok) return parsed;
  const problems: string[] = [];
  const upstreams = new Map<string, UpstreamPolicy>();
  for (const { caFile, ...upstream } of parsed.policy.upstreams.values()) {
    const read = await readAuthorities(caFile);
    if ('problem' in read) problems.push(read.problem);
    else upstreams.set(upstream.name, { ...upstream, ca: read.pem });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policy: { ...parsed.policy, upstreams } };
}

async function readAuthorities(
  caFile: ParsedUpstream['caFile'],
): Promise<{ readonly pem: string | undefined } | { readonly problem: string }> {
  if (caFile === undefined) return { pem: undefined };
  const { path, place } = caFile;
  const read = await readText(path);
  const problem = 'problem' in read ? read.problem : findAuthorityProblem(read.text);
  if (problem !== undefined) return { problem: `${place}: the file ${printable(path)} ${problem}` };
  return { pem: 'text' in read ? read.text : undefined };
}

const pemBlock = /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g;

/** TLS passes over in silence what it can not read, and then trusts fewer authorities, or none. */
function findAuthorityProblem(pem: string): string | undefined {
  const blocks = pem.match(pemBlock) ?? [];
  if (blocks.length === 0) return 'holds no certificate in PEM form';
  if (blocks.length !== pem.split('-----BEGIN ').length - 1) return 'holds a certificate that is cut off';
  const bad = blocks.findIndex((block) => !isCertificate(block));
  return bad < 0 ? undefined : `holds something else than certificates in PEM form, in block ${bad + 1}`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

async function readText(file: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  const pieces: Uint8Array[] = [];
  try {
    // One byte too many is enough to see that there are too many, and a device may never end.
    for await (const piece of createReadStream(file, { end: maximumPolicyBytes })) pieces.push(piece);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return { problem: `can not be read (${reason})` };
  }
  const bytes = Buffer.concat(pieces);
  if (bytes.length > maximumPolicyBytes) return { problem: 'has more than 1 MiB' };
  return isUtf8(bytes) ? { text: new TextDecoder().decode(bytes) } : { problem: 'is not UTF-8' };
}

/** The upstreams that nobody says the address of. */
function findMissingUpstreams(
  { upstreams }: Policy,
  settings: PolicySettings['settings'],
  environment: Environment,
): readonly string[] {
  const name = `${environment}Upstream` as const;
  if (settings[name] !== undefined) return [];
  return [...upstreams.values()]
    .filter(({ url }) => url === undefined)
    .map(
      (one) =>
        `${variableName(name)} must be set: the upstream "${one.name}" in the policy of ${environment} has no url.`,
    );
}

export interface PoliciesToRead extends PolicySettings {
  readonly environments: readonly Environment[];
}

export interface UsablePolicy {
  readonly environment: Environment;
  readonly file: string;
  readonly policy: Policy;
  readonly missing: readonly string[];
}

/** The policies that can be used, and everything that is wrong with the others. */
export async function readEveryPolicy(
  options: PoliciesToRead,
): Promise<{ readonly usable: readonly UsablePolicy[]; readonly problems: readonly string[] }> {
  const usable: UsablePolicy[] = [];
  const problems = new Set<string>();
  for (const environment of options.environments) {
    const { file, decision, missing } = await readPolicy(options, environment);
    if (decision.ok) usable.push({ environment, file, policy: decision.policy, missing });
    // One file may be that of both environments.
    else for (const problem of decision.problems) problems.add(problem);
  }
  return { usable, problems: [...problems] };
}

/** @throws SettingsError with everything that is wrong with any of them */
export async function readPolicies(options: PoliciesToRead): Promise<ReadonlyMap<Environment, UsablePolicy>> {
  const { usable, problems } = await readEveryPolicy(options);
  if (problems.length > 0) throw new SettingsError(problems);
  return new Map(usable.map((one) => [one.environment, one]));
}

/** Why `serve` does not start with these policies, all at once; `dev` brings the upstreams that are missing. */
export async function findPolicyProblems(options: PoliciesToRead): Promise<readonly string[]> {
  const { usable, problems } = await readEveryPolicy(options);
  return [...problems, ...usable.flatMap(({ missing }) => missing)];
}
