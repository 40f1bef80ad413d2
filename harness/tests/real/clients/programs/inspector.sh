#!/bin/sh
# The Inspector's command line: signs in, lists the tools, calls one. Takes the rest of its command line as arguments; what it
# keeps is in MCP_STORAGE_DIR.
#
# The tool is named by GAUNTLET_TOOL and GAUNTLET_ARGUMENTS, the version of MCP by GAUNTLET_VERSION.
case $GAUNTLET_VERSION in
    2026-07-28) era=modern ;;
    *) era=legacy ;;
esac
exec mcp-inspector --cli --transport http --protocol-era "$era" --format json \
    --method tools/call --tool-name "$GAUNTLET_TOOL" --tool-args-json "$GAUNTLET_ARGUMENTS" "$@"
