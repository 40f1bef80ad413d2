#!/bin/sh
# Asks both hosts of the Kiro runtime for their tools; see client.py. The arguments are curl's.
set -eu
for host in runtime.us-east-1.kiro.dev q.us-east-1.amazonaws.com; do
    curl -sS -o /dev/null -w '%{http_version} %{http_code}\n' "$@" -H "authorization: Bearer $TOKEN" \
        --json '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' "https://$host/mcp"
done
