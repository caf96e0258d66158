// `calls.sh`: what the quick start reads into a shell, so that each call is one line.

import { dirname, join } from 'node:path';
import type { PartnerFiles } from './partner-files.js';
import { quote, tlsOptions } from './shell-words.js';

export interface CallsFileContent {
  /** The listener with mutual TLS. */
  readonly url: string;
  readonly caFile: string;
  readonly partner: PartnerFiles;
  readonly other: PartnerFiles;
}

/** Names that start with calls_ are its own: it is read into somebody's shell. */
export function renderCallsFile({ url, caFile, partner, other }: CallsFileContent): string {
  return `# For a POSIX shell: \`. calls.sh\` gets a token for each example partner and brings two functions.
#   call METHOD PATH [JSON [options of curl]]         as the first partner
#   call_other METHOD PATH [JSON [options of curl]]   as the second one
# They print the answer, and keep the first id in it as $ID and its x-trace-id as $TRACE_ID.
# Secrets and tokens are in files that curl reads, so that neither stands in a list of processes.

call() { calls_send calls_curl ${quote(tokenFileOf(partner))} "$@"; }
call_other() { calls_send calls_curl_other ${quote(tokenFileOf(other))} "$@"; }

calls_curl() { ${curlAs(caFile, partner)} "$@"; }
calls_curl_other() { ${curlAs(caFile, other)} "$@"; }

calls_url=${quote(url)}
calls_head=${quote(join(dirname(caFile), 'answer.head'))}

calls_send() {
  calls_curl=$1 calls_token=$2 calls_method=$3 calls_path=$4
  shift 4
  calls_body=\${1-}
  [ $# -eq 0 ] || shift
  [ -z "$calls_body" ] || set -- --header 'Content-Type: application/json' --data "$calls_body" "$@"
  ANSWER=$("$calls_curl" --config "$calls_token" --dump-header "$calls_head" --request "$calls_method" "$@" "$calls_url$calls_path") || return
  printf '%s\\n' "$ANSWER"
  TRACE_ID=$(sed -n 's/^x-trace-id: *\\([0-9a-f]*\\).*/\\1/p' "$calls_head")
  ID=\${ANSWER#*'"id":'}
  ID=\${ID#'"'}
  ID=\${ID%%[!0-9A-Za-z-]*}
}

calls_get_token() {
  "$1" --config "$2" --data grant_type=client_credentials "$calls_url/oauth/token" |
    sed -n 's/.*"access_token":"\\([^"]*\\)".*/header = "Authorization: Bearer \\1"/p' >"$3"
  [ -s "$3" ] || echo "calls.sh got no token with $2" >&2
}
calls_get_token calls_curl ${quote(partner.curlConfigFile)} ${quote(tokenFileOf(partner))}
calls_get_token calls_curl_other ${quote(other.curlConfigFile)} ${quote(tokenFileOf(other))}
`;
}

/** A curl config, beside the other files of the partner. */
function tokenFileOf({ keyFile }: PartnerFiles): string {
  return join(dirname(keyFile), 'token.curl');
}

function curlAs(caFile: string, files: PartnerFiles): string {
  return ['curl --silent --show-error', ...tlsOptions(caFile, files)].join(' ');
}
