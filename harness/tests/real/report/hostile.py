#!/usr/bin/env python3
"""Puts what a hostile target may answer everywhere into a saved run: hostile.py RUN.jsonl > HOSTILE.jsonl"""

import json
import sys

CASES = 12
TEXTS = [
    "</script><script>window.hacked = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.hacked = 1'><iframe srcdoc='<script>parent.hacked=1</script>'>",
    "javascript:window.hacked=1",
    "https://example.org/\" onmouseover=\"window.hacked=1",
    "\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\u2066\u200b\u2028\ufeff\ud7ff\ufffe",
    "\\u003c/script\\u003e &lt;b&gt; ]]> {{ constructor.constructor('window.hacked=1')() }} ${window.hacked=1}",
    "x" * (1 << 20),
]
# Members that are not free text: their values decide what they are.
KEPT = {"type", "verdict", "level", "party", "kind", "schema", "cases", "started_at"}


def hostile(value, text):
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        # Requirements of a try and headers are pairs; the verdict of a requirement is not free.
        return [item if item in ("pass", "warn", "fail", "error", "skip", "untestable") else hostile(item, text) for item in value]
    if isinstance(value, dict):
        if "empty" in value.values():
            return value
        return {name: member if name in KEPT else hostile(member, text) for name, member in value.items()}
    return value


def main():
    taken = 0
    for line in open(sys.argv[1], encoding="utf-8"):
        event = json.loads(line)
        if event["type"] == "case_finished":
            if event["verdict"] == "pass" or taken == CASES:
                continue
            scenario = event["id"]["scenario"]
            event = hostile(event, TEXTS[taken % len(TEXTS)])
            # Each case keeps a name of its own.
            event["id"]["scenario"] = f"{taken} {scenario}"
            for attempt in event["attempts"]:
                for exchange in attempt["transcript"]:
                    for half in ("request", "response"):
                        if exchange[half] and exchange[half]["body"] != "empty":
                            exchange[half]["body"] = {"text": {"text": TEXTS[taken % len(TEXTS)] * 2, "truncated": 0}}
            taken += 1
        elif event["type"] == "case_started":
            continue
        elif event["type"] == "target":
            event = hostile(event, TEXTS[0])
        print(json.dumps(event, separators=(",", ":")))
    if taken < CASES:
        sys.exit(f"only {taken} cases did not pass; {CASES} are needed")


if __name__ == "__main__":
    main()
