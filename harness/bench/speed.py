#!/usr/bin/env python3
"""What Gauntlet costs on top of the requests themselves.

Runs 1,000 scenario files (2,500 requests, 12,500 checks) against one local server and compares with a bare reqwest loop
that sends the same requests over one connection for each scenario. Each figure is the median of several alternating
runs; the ratios, not the seconds, are what carries over to another machine.

    cargo build --release -p gauntlet-cli -p gauntlet-bench && python3 harness/bench/speed.py
"""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "target" / "release"
RUNS = 7


def measure(command, cwd):
    """Wall seconds, CPU seconds and peak MiB of one process."""
    with open(os.devnull, "w") as sink:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=sink, stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            sys.exit(f"{' '.join(map(str, command))} exited with {code}: {process.stderr.read().decode()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def medians(samples):
    return [statistics.median(column) for column in zip(*samples)]


def serve(delay=0):
    server = subprocess.Popen([BIN / "gauntlet-bench", "serve", "--delay", str(delay)], stdout=subprocess.PIPE, text=True)
    return server, server.stdout.readline().strip()


def scenario_folder(base, count, url):
    folder = pathlib.Path(base) / f"n{count}-{url.rsplit(':', 1)[1].split('/')[0]}"
    subprocess.run([BIN / "gauntlet-bench", "files", folder / "scenarios", "--scenarios", str(count)], check=True)
    (folder / "gauntlet.yaml").write_text(f"targets:\n  bench:\n    url: {url}\n    lifecycle: bare\n    allow: [writes]\n")
    return folder


def verdict(name, value, bound, unit=""):
    mark = "ok  " if value <= bound else "OVER"
    print(f"  {mark} {name:<52} {value:8.2f}{unit}  (bound {bound}{unit})")
    return value <= bound


def main():
    gauntlet = BIN / "gauntlet"
    good = True
    with tempfile.TemporaryDirectory() as base:
        server, url = serve()
        slow, slow_url = serve(20)
        try:
            folder = scenario_folder(base, 1000, url)
            run = [gauntlet, "run", "--jobs", "2", "--quiet"]
            reports = run + ["--report", "json=out.json", "--report", "junit=out.xml"]
            floor = [BIN / "gauntlet-bench", "floor", url, "--scenarios", "1000", "--jobs", "2"]
            samples = {"floor": [], "run": [], "reports": []}
            for _ in range(RUNS):
                samples["floor"].append(measure(floor, folder))
                samples["run"].append(measure(run, folder))
                samples["reports"].append(measure(reports, folder))
            floor_m, run_m, reports_m = (medians(samples[k]) for k in ("floor", "run", "reports"))
            print("1,000 scenarios, 2,500 requests, 12,500 checks, --jobs 2: median of", RUNS)
            for name, m in (("floor", floor_m), ("gauntlet", run_m), ("gauntlet with JSON and JUnit", reports_m)):
                print(f"       {name:<30} wall {m[0]:.3f} s   CPU {m[1]:.3f} s   peak {m[2]:.1f} MiB")
            good &= verdict("wall, times the floor", run_m[0] / floor_m[0], 1.5)
            good &= verdict("CPU, times the floor", run_m[1] / floor_m[1], 2.0)
            good &= verdict("peak memory", run_m[2], 30, " MiB")
            good &= verdict("wall with JSON and JUnit, times without", reports_m[0] / run_m[0], 1.2)
            large = scenario_folder(base, 10000, url)
            large_m = measure(run, large)
            good &= verdict("peak memory of 10,000 scenarios, times that of 1,000", large_m[2] / run_m[2], 1.15)
            listing = medians([measure([gauntlet, "list"], large) for _ in range(3)])
            good &= verdict("list of 10,000 files", listing[0], 1.0, " s")
            delayed = scenario_folder(base, 1000, slow_url)
            waited = medians([measure([gauntlet, "run", "--quiet"], delayed) for _ in range(3)])
            good &= verdict("20 ms added to each request, default options", waited[0], 2.5, " s")
            one = [gauntlet, "run", "--quiet", "bench.s00000"]
            single = scenario_folder(base, 1, url)
            alone = medians([measure(one, single) for _ in range(21)])
            good &= verdict("one scenario, start to exit", alone[0] * 1000, 20, " ms")
        finally:
            for process in (server, slow):
                process.terminate()
                process.wait()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
