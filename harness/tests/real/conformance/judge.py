"""Runs the suite's scenarios that judge a client's authorization, each at each of its versions, and compares with
expected.json.

expected.json names every scenario and version with its verdict; a failure has the checks that fail and the reason. A scenario
that is new in the suite, or gone from it, is a difference too.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

EXPECTED = pathlib.Path(__file__).with_name("expected.json")
LINE = re.compile(r"^\s+- (auth/\S+) \[([^]]*)\]$", re.MULTILINE)
# Above the suite's own bound on the client.
SECONDS = 60


def scenarios():
    """Pairs of scenario and version, as the suite lists them; an extension's version is None."""
    said = subprocess.run(["conformance", "list"], capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    for name, versions in LINE.findall(said):
        for version in versions.split(","):
            yield name, None if version == "extension" else version


def run(name, version, folder):
    """Verdict and the checks that did not pass."""
    shutil.rmtree(folder, ignore_errors=True)
    client = f"{os.environ['GAUNTLET']} probe --conformance-suite"
    command = ["conformance", "client", "--command", client, "--scenario", name, "--output-dir", str(folder)]
    if version:
        command += ["--spec-version", version]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    found = list(folder.rglob("checks.json"))
    if len(found) != 1:
        return "not run", []
    checks = json.loads(found[0].read_text())
    failed = sorted({c["id"] for c in checks if c["status"] in ("FAILURE", "WARNING")})
    return ("pass" if finished.returncode == 0 else "fail"), failed


def main():
    results = pathlib.Path(sys.argv[1])
    update = "--update" in sys.argv[2:]
    wanted = [a for a in sys.argv[2:] if a != "--update"]
    known = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    differences, found, seen = [], {}, set()
    for name, version in scenarios():
        key = f"{name}@{version or 'extension'}"
        seen.add(key)
        if wanted and name not in wanted:
            continue
        verdict, failed = run(name, version, results / key.replace("/", "-"))
        found[key] = {"verdict": verdict}
        if verdict != "pass":
            found[key] |= {"checks": failed, "reason": known.get(key, {}).get("reason", "")}
        print(f"{verdict:<8}{key:<56}{' '.join(failed)}".rstrip(), flush=True)
        expected = known.get(key, {})
        if (expected.get("verdict"), expected.get("checks", [])) != (verdict, failed):
            differences.append(f"{key}: {verdict} {' '.join(failed)}, expected {expected.get('verdict', 'nothing')}")
    if not seen:
        print("the suite lists no scenario of the kind; has its output changed?", file=sys.stderr)
        return 2
    differences += [f"{key}: the suite has it no more" for key in known if key not in seen]
    passed = sum(entry["verdict"] == "pass" for entry in found.values())
    print(f"\n{passed} of {len(found)} pass")
    if update:
        kept = {key: entry for key, entry in known.items() if key in seen}
        EXPECTED.write_text(json.dumps(kept | found, indent=2) + "\n")
        return 0
    if differences:
        print("Not as expected:", *differences, sep="\n  ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
