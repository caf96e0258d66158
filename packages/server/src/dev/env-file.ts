import { formatEnvFile } from '../cli/env-file.js';
import type { ListenerName } from '../surfaces/wire/exchange.js';
import type { PartnerFiles } from './partner-files.js';

export interface EnvFileContent {
  readonly urls: Readonly<Record<ListenerName, string>>;
  readonly caFile: string;
  readonly partner: PartnerFiles;
  readonly other: PartnerFiles;
}

/** `sandbox.env` and `production.env`: what a script needs to call this installation as either of two partners. */
export function renderEnvFile({ urls, caFile, partner, other }: EnvFileContent): string {
  const values = {
    API_URL: urls.api,
    MTLS_URL: urls['api-mtls'],
    CA_FILE: caFile,
    ...credentials('', partner),
    ...credentials('OTHER_', other),
  };
  return formatEnvFile(values);
}

function credentials(prefix: string, files: PartnerFiles): Record<string, string> {
  return {
    [`${prefix}CLIENT_ID`]: files.clientId,
    [`${prefix}CLIENT_SECRET`]: files.secret.reveal(),
    [`${prefix}CLIENT_CERT`]: files.certificateFile,
    [`${prefix}CLIENT_KEY`]: files.keyFile,
  };
}
