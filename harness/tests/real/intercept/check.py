"""Prints what became of each target, and fails unless those that trust pass and those that do not are told apart."""

import json
import pathlib
import sys

TRUSTING = 11
UNTRUSTING = 5


def judge(result):
    """Whether the case came out as it should, and what is told of it."""
    attempt = result["attempts"][-1]
    reason = attempt["reason"] or ""
    if not result["id"]["target"].endswith("untrusting"):
        return result["verdict"] == "pass", reason
    told = reason.startswith("the target does not trust the certificate authority") and "runtime.us-east-1.kiro.dev" in reason
    return result["verdict"] == "error" and told, reason.split(". ")[0]


results = [r for r in json.loads(pathlib.Path(sys.argv[1]).read_text())["results"] if r["type"] == "case"]
outcomes = [(result, *judge(result)) for result in results]
for result, good, told in outcomes:
    print(f"{'  ' if good else '! '}{result['verdict']:<6} {result['id']['target']:<24} {told}")
untrusting = sum(result["id"]["target"].endswith("untrusting") for result in results)
counted = (len(results) - untrusting, untrusting) == (TRUSTING, UNTRUSTING)
if not counted:
    print(f"! {len(results)} cases ran, {TRUSTING + UNTRUSTING} were expected")
sys.exit(0 if counted and all(good for _, good, _ in outcomes) else 1)
