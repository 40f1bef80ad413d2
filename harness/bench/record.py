#!/usr/bin/env python3
"""What it costs to record.

Calls a tool of one server directly and through `gauntlet record`, in turns, over one connection each: answered as JSON, as a stream of
events, for which the time to the first one is told too, and over standard input and output. Then a large body goes through, and the
memory of the recorder is looked at. Times are medians of one run; what carries over to another machine is the difference.

    cargo build --release -p gauntlet-cli && python3 harness/bench/record.py

`GAUNTLET` names another binary.
"""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
GAUNTLET = pathlib.Path(os.environ.get("GAUNTLET", ROOT / "target" / "release" / "gauntlet"))
CALLS = 1000
LARGE = 200 << 20


class Connection:
    """A connection that is kept, and requests on it."""

    def __init__(self, url, path, accept, more=""):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST {path or parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\naccept: {accept}\r\n{more}"
        self.head = head.encode()
        self.buffer = b""

    def until(self, mark):
        while mark not in self.buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                sys.exit(f"the connection ended after {self.buffer[-200:]!r}")
            self.buffer += chunk
        taken, self.buffer = self.buffer.split(mark, 1)
        return taken

    def skip(self, length):
        taken = min(length, len(self.buffer))
        self.buffer = self.buffer[taken:]
        while taken < length:
            chunk = self.socket.recv(min(length - taken, 1 << 18))
            if not chunk:
                sys.exit("the connection ended in the middle of a body")
            taken += len(chunk)

    def call(self, body):
        """Seconds to the first piece of the body, and to its end."""
        start = time.perf_counter()
        self.socket.sendall(self.head + b"content-length: %d\r\n\r\n" % len(body) + body)
        head = self.until(b"\r\n\r\n").lower()
        if b" 200 " not in head.split(b"\r\n")[0]:
            sys.exit(f"refused: {head[:300]!r}")
        if b"transfer-encoding: chunked" not in head:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            self.skip(length)
            whole = time.perf_counter() - start
            return whole, whole
        first = None
        while size := int(self.until(b"\r\n"), 16):
            self.skip(size + 2)
            first = first or time.perf_counter() - start
        self.until(b"\r\n")
        return first, time.perf_counter() - start


class Pipes:
    """A server over standard input and output."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)

    def call(self, body):
        """Seconds to the line that answers."""
        start = time.perf_counter()
        os.write(self.process.stdin.fileno(), body + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                sys.exit(f"the server ended after {answer[-200:]!r}")
            answer += chunk
        whole = time.perf_counter() - start
        if b'"result"' not in answer:
            sys.exit(f"refused: {answer[:300]!r}")
        return whole, whole

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def started(command):
    """A process that prints a URL in its first line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    return process, next(word for word in line.split() if word.startswith("http://"))


def ended(process):
    process.terminate()
    process.wait()


def in_turns(direct, recorded, body):
    samples = {"direct": [], "recorded": []}
    for turn in range(CALLS + 100):
        for name, connection in (("direct", direct), ("recorded", recorded)):
            taken = connection.call(body)
            if turn >= 100:
                samples[name].append(taken)
    return samples


def told(what, samples, column, bound):
    direct, recorded = (sorted(s[column] * 1000 for s in samples[name]) for name in ("direct", "recorded"))
    added = statistics.median(recorded) - statistics.median(direct)
    high = [values[int(len(values) * 0.99)] for values in (direct, recorded)]
    mark = "ok  " if added < bound else "OVER"
    print(f"  {mark} {what:<34} {statistics.median(direct):.3f} ms directly, {added:+.3f} ms recorded (bound {bound} ms); p99 {high[0]:.2f} and {high[1]:.2f} ms")
    return added < bound


def large_server():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        stream, _ = listener.accept()
        stream.recv(65536)
        stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % LARGE)
        chunk = b"x" * (1 << 20)
        for _ in range(LARGE // len(chunk)):
            stream.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"


def peak(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main():
    good = True
    with tempfile.TemporaryDirectory() as folder:
        def record(upstream, *more):
            return started([GAUNTLET, "record", "--upstream", upstream, "-o", f"{folder}/", *more])

        accept = "application/json, text/event-stream"
        version = "2026-07-28"
        more = f"mcp-protocol-version: {version}\r\nmcp-method: tools/call\r\nmcp-name: echo\r\n"
        meta = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "echo", "arguments": {"message": "hello"}, "_meta": meta}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()

        pathlib.Path(folder, "json.yaml").write_text("json_response: true\n")
        for what, config in (("a call, answered as JSON", ["--config", f"{folder}/json.yaml"]), ("a call, answered as a stream", [])):
            server, url = started([GAUNTLET, "mock", "mcp-server", *config])
            recorder, through = record(url)
            samples = in_turns(Connection(url, None, accept, more), Connection(through, None, accept, more), body)
            good &= told(what, samples, 1, 1.0)
            if not config:
                good &= told("the first event of it", samples, 0, 1.0)
            ended(recorder)
            ended(server)

        server = [str(GAUNTLET), "mock", "mcp-server", "--stdio"]
        direct, recorded = Pipes(server), Pipes([GAUNTLET, "record", "--stdio", "-o", f"{folder}/", "--", *server])
        good &= told("a call over stdio", in_turns(direct, recorded, body), 1, 1.0)
        direct.end()
        recorded.end()

        recorder, through = record(large_server(), "--max-body", "1MiB")
        before = peak(recorder.pid)
        start = time.perf_counter()
        Connection(through, None, accept).call(b"{}")
        seconds = time.perf_counter() - start
        grown = peak(recorder.pid) - before
        mark = "ok  " if grown < 16 else "OVER"
        good &= grown < 16
        print(f"  {mark} {LARGE >> 20} MiB pass in {seconds:.2f} s; peak memory {before:.1f} MiB and {grown:.1f} MiB more (bound 16 MiB)")
        ended(recorder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
