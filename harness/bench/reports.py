#!/usr/bin/env python3
"""What it costs to render a saved run of 10,000 results with transcripts.

Makes such a run: three exchanges with the target and one behind it in each case, a tenth of the cases failing, about 6 KB a case. Each
figure is the median of several runs.

    cargo build --release -p gauntlet-cli && python3 harness/bench/reports.py [CASES]

`--keep FILE` leaves the page there, to be looked at.
"""

import json
import pathlib
import sys
import tempfile

from speed import BIN, measure, medians, verdict

RUNS = 5
# Bounds for 10,000 cases: seconds, and MB of what is written.
BOUNDS = {"html": (3.0, 60), "junit": (1.0, None), "markdown": (None, None), "json": (None, None)}
REQUIREMENTS = [
    {"id": f"mcp.bench.rule-{n}", "level": "MUST", "statement": f"The server keeps rule {n}, whatever the client asks it for.", "link": f"https://modelcontextprotocol.io/specification/2025-11-25/basic#rule-{n}"}
    for n in range(300)
]


def message(case, method, params, answer, at, hop, cause=None):
    headers = [["accept", "application/json, text/event-stream"], ["content-type", "application/json"], ["user-agent", "gauntlet/0.1.0"]]
    if method != "initialize":
        headers += [["mcp-session-id", f"5f3c9a1e-{case:08x}"], ["mcp-protocol-version", "2025-11-25"]]
    body = {"jsonrpc": "2.0", "method": method, "params": params}
    if answer is not None:
        body["id"] = case
    answered = [["content-type", "application/json"], ["date", "Sat, 21 Nov 2026 02:00:00 GMT"], ["content-length", "512"]]
    response = {"status": 202 if answer is None else 200, "headers": answered, "body": "empty"}
    if answer is not None:
        response["body"] = {"json": {"jsonrpc": "2.0", "id": case, "result": answer}}
    return {
        "hop": {"from": hop[0], "to": hop[1]}, "step": None if method == "initialize" else 0,
        "request": {"method": "POST", "url": f"http://127.0.0.1:{30000 + case % 20000}/mcp", "headers": headers, "body": {"json": body}},
        "response": response, "failure": None, "cause": cause, "note": None,
        "started_ms": at, "began_ms": 1.0, "elapsed_ms": 2.5,
    }


def transcript(case):
    client, behind = ("client", "gateway"), ("gateway", "server")
    tools = [{"type": "text", "text": f"result {n} of case {case}: the quick brown fox jumps over the lazy dog " * 2} for n in range(8)]
    return [
        message(case, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "gauntlet", "version": "0.1.0"}},
                {"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": True}}, "serverInfo": {"name": "gateway", "version": "1.2.3"}}, 0.1, client),
        message(case, "notifications/initialized", {}, None, 3.0, client),
        message(case, "tools/call", {"name": "echo", "arguments": {"message": f"case {case}"}}, {"content": tools, "isError": False}, 6.0, client),
        message(case, "tools/call", {"name": "echo", "arguments": {"message": f"case {case}"}}, {"content": tools, "isError": False}, 6.5, behind, cause=2),
    ]


def result(case):
    fails = case % 10 == 0
    scenario = f"bench.pack-{case % 20}.scenario-{case}"
    place = {"file": f"scenarios/bench/scenario-{case}.yaml", "line": 12, "column": 15, "length": 4, "text": "      result: { isError: true }"}
    rule = REQUIREMENTS[case % len(REQUIREMENTS)]
    mismatch = {"path": "result.isError", "expected": True, "actual": False, "reason": "expected true, found false", "place": place}
    check = {"step": 0, "label": "result", "verdict": "fail", "requirements": [rule], "because": None, "mismatches": [mismatch], "place": place, "exchange": 2}
    other = REQUIREMENTS[(case + 7) % len(REQUIREMENTS)]["id"]
    attempt = {
        "verdict": "fail" if fails else "pass", "reason": None, "place": None, "duration_ms": 9.5,
        "counts": {"must": 12, "must_passed": 11 if fails else 12, "should": 2, "should_passed": 2},
        "checks": [check] if fails else [], "blame": None,
        "requirements": [[rule["id"], "fail" if fails else "pass"], [other, "pass"]],
        "transcript": transcript(case), "curl": "curl -sS http://127.0.0.1:30000/mcp -H 'content-type: application/json'" if fails else None,
    }
    return {
        "type": "case_finished", "index": case,
        "id": {"scenario": scenario, "case": [], "version": ["2025-06-18", "2025-11-25", "2026-07-28"][case % 3], "target": f"gateway-{case % 4}"},
        "title": f"Scenario {case} gets the answer that the server behind the gateway gave", "pack": f"bench.pack-{case % 20}", "tags": ["bench", f"tag-{case % 9}"],
        "place": place, "endpoint": "http://127.0.0.1:30000/mcp", "verdict": attempt["verdict"], "flaky": False,
        "attempts": [attempt], "again": f"gauntlet run {scenario}",
    }


def save(path, cases):
    with open(path, "w", encoding="utf-8") as out:
        def write(event):
            out.write(json.dumps(event, separators=(",", ":")) + "\n")
        run = {"type": "run_started", "gauntlet": "0.1.0", "started_at": "2026-11-21T02:00:00Z", "cases": cases}
        write({"schema": "gauntlet-events/1", **run})
        for case in range(cases):
            write(result(case))


def main():
    keep = sys.argv[sys.argv.index("--keep") + 1] if "--keep" in sys.argv else None
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    cases = numbers[0] if numbers else 10_000
    good = True
    with tempfile.TemporaryDirectory() as base:
        saved = pathlib.Path(base) / "run.jsonl"
        save(saved, cases)
        print(f"{cases:,} results with transcripts, {saved.stat().st_size / 1e6:.0f} MB of JSON lines: median of {RUNS}")
        for name, (seconds, size) in BOUNDS.items():
            told = pathlib.Path(keep) if keep and name == "html" else pathlib.Path(base) / name
            command = [BIN / "gauntlet", "report", saved, "--format", name, "--output", told]
            wall, cpu, peak = medians([measure(command, base) for _ in range(RUNS)])
            written = told.stat().st_size / 1e6
            print(f"       {name:<10} wall {wall:.2f} s   CPU {cpu:.2f} s   peak {peak:.0f} MiB   {written:.1f} MB")
            if seconds:
                good &= verdict(f"{name}, seconds", wall, seconds * cases / 10_000, " s")
            if size:
                good &= verdict(f"{name}, size", written, size, " MB")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
