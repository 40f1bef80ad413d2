"""Prints a table of the reports that run.sh wrote, and compares their findings with expected.json.

A finding is a requirement that at least one case shows to be broken: target, requirement, verdict and the scenarios that
show it. expected.json lists the known ones, each with the reason why the server is wrong and not the harness.
"""

import json
import pathlib
import sys

VERDICTS = ["pass", "fail", "warn", "skip", "untestable", "error"]
EXPECTED = pathlib.Path(__file__).with_name("expected.json")


def read(path):
    """Counts, findings {requirement: (verdict, scenarios)} and errors of one report."""
    report = json.loads(path.read_text())
    counts, findings, errors = dict.fromkeys(VERDICTS, 0), {}, []
    for result in report["results"]:
        if result["type"] != "case":
            errors.append(f"{result['type']}: {result.get('file')}")
            continue
        counts[result["verdict"]] += 1
        scenario, attempt = result["id"]["scenario"], result["attempts"][-1]
        if result["verdict"] == "error":
            errors.append(f"{scenario}@{result['id']['version']}: {attempt['reason']}")
        for check in attempt["checks"]:
            if check["verdict"] not in ("fail", "warn"):
                continue
            for requirement in check["requirements"] or [{"id": "(none)"}]:
                found = findings.setdefault(requirement["id"], [check["verdict"], set()])
                found[0] = min(found[0], check["verdict"])
                found[1].add(scenario)
    return counts, findings, errors


def main():
    arguments = sys.argv[1:]
    update = "--update" in arguments
    folder, *targets = [a for a in arguments if a != "--update"]
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    differences = []
    width = max(18, *(len(target) + 2 for target in targets))
    print(f"{'target':<{width}}" + "".join(f"{v:>11}" for v in VERDICTS))
    found_of = {}
    for target in targets:
        counts, findings, errors = read(pathlib.Path(folder, f"{target}.json"))
        found_of[target] = findings
        print(f"{target:<{width}}" + "".join(f"{counts[v]:>11}" for v in VERDICTS))
        differences += [f"{target}: error {e}" for e in errors]
    for target, findings in found_of.items():
        known = expected.get(target, {})
        print(f"\n{target}")
        for requirement, (verdict, scenarios) in sorted(findings.items()):
            entry = known.get(requirement)
            mark = " " if entry and entry["verdict"] == verdict else "+"
            print(f"  {mark} {verdict:<5} {requirement:<48} {' '.join(sorted(scenarios))}")
            if mark == "+":
                differences.append(f"{target}: {verdict} {requirement} is not expected")
        differences += [f"{target}: {r} is expected to be broken and is not" for r in known if r not in findings]
    if update:
        for target, findings in found_of.items():
            known = expected.get(target, {})
            expected[target] = {
                r: {"verdict": v, "reason": known.get(r, {}).get("reason", "")} for r, (v, _) in sorted(findings.items())
            }
        EXPECTED.write_text(json.dumps(expected, indent=2, ensure_ascii=False) + "\n")
        return 0
    if differences:
        print("\nNot as expected:", *differences, sep="\n  ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
