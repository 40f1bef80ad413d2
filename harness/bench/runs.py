#!/usr/bin/env python3
"""What it costs to compare two saved runs.

Writes two runs of 10,000 scenarios with their transcripts, in which one case in a hundred changed, and compares them with
`gauntlet diff`: with the transcripts that `--keep-all` leaves, and with those of failures alone. Times are medians.

    cargo build --release -p gauntlet-cli && python3 harness/bench/runs.py
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
GAUNTLET = pathlib.Path(os.environ.get("GAUNTLET", ROOT / "target" / "release" / "gauntlet"))
CASES = 10_000
RUNS = 5


def exchange(step, message, port):
    """A call of a tool, with what differs from run to run."""
    answer = {
        "jsonrpc": "2.0",
        "id": step + 1,
        "result": {"content": [{"type": "text", "text": message}], "isError": False, "key": str(uuid.uuid4())},
    }
    call = {
        "jsonrpc": "2.0",
        "id": step + 1,
        "method": "tools/call",
        "params": {"name": "echo", "arguments": {"message": message}},
    }
    return {
        "hop": {"from": "client", "to": "gateway"},
        "step": step,
        "request": {
            "method": "POST",
            "url": f"http://127.0.0.1:{port}/mcp",
            "headers": [
                ["accept", "application/json, text/event-stream"],
                ["content-type", "application/json"],
                ["mcp-session-id", str(uuid.uuid4())],
            ],
            "body": {"json": call},
        },
        "response": {
            "status": 200,
            "headers": [["content-type", "application/json"], ["date", time.strftime("%a, %d %b %Y %H:%M:%S GMT")]],
            "body": {"json": answer},
        },
        "failure": None,
        "cause": None,
        "note": None,
        "started_ms": step * 2.0,
        "began_ms": None,
        "elapsed_ms": 1.5,
    }


def case(index, second, keep_all):
    fails = index % 100 == 7 and (second or index % 200 == 7)
    changed = second and index % 100 == 50
    port = 20_000 + index if second else 40_000 + index % 20_000
    said = [exchange(s, f"case {index}, call {s}{' changed' if changed else ''}", port) for s in range(2 + index % 2)]
    verdict = "fail" if fails else "pass"
    attempt = {
        "verdict": verdict,
        "reason": "the answer is another one" if fails else None,
        "place": None,
        "duration_ms": 4.0,
        "counts": {"must": 6, "must_passed": 5 if fails else 6, "should": 0, "should_passed": 0},
        "checks": [],
        "blame": None,
        "requirements": [["mcp.tools.call", verdict]],
        "transcript": said if keep_all or fails else [],
        "curl": None,
    }
    return {
        "type": "case_finished",
        "index": index,
        "id": {"scenario": f"bench.s{index:05}", "case": [], "version": "2025-06-18", "target": "gateway"},
        "title": "The tool gives back what it got",
        "pack": "bench",
        "tags": ["bench"],
        "place": {"file": f"s{index:05}.yaml", "line": 1, "column": 5, "length": 12, "text": f"id: bench.s{index:05}"},
        "endpoint": f"http://127.0.0.1:{port}/mcp",
        "verdict": verdict,
        "flaky": False,
        "attempts": [attempt],
        "again": f"gauntlet run bench.s{index:05}",
    }


def write(path, second, keep_all):
    with open(path, "w", encoding="utf-8") as out:
        started = {"gauntlet": "bench", "started_at": "2026-01-01T00:00:00Z", "cases": CASES}
        out.write(json.dumps({"schema": "gauntlet-events/1", "type": "run_started", **started}, separators=(",", ":")) + "\n")
        for index in range(CASES):
            out.write(json.dumps(case(index, second, keep_all), separators=(",", ":")) + "\n")


def compare(before, after):
    """Wall seconds and peak MiB of one comparison."""
    with open(os.devnull, "w", encoding="utf-8") as sink:
        start = time.perf_counter()
        process = subprocess.Popen([GAUNTLET, "diff", before, after], stdout=sink, stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 1:
        sys.exit(f"gauntlet diff: {process.stderr.read().decode()[-2000:]}")
    return wall, usage.ru_maxrss / 1024


def main():
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, keep_all in [("with every transcript", True), ("with those of failures", False)]:
            before, after = pathlib.Path(folder) / "a.jsonl", pathlib.Path(folder) / "b.jsonl"
            write(before, False, keep_all)
            write(after, True, keep_all)
            size = before.stat().st_size / 2**20
            samples = [compare(before, after) for _ in range(RUNS)]
            wall, peak = (statistics.median(column) for column in zip(*samples))
            good &= wall <= 2
            print(f"  {CASES} cases, {name} ({size:.0f} MiB a run): {wall:.2f} s, {peak:.0f} MiB (bound 2 s)")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
