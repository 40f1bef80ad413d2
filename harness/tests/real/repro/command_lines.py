"""Holds what `gauntlet import` makes of command lines against what a shell and curl make of them.

    command_lines.py GAUNTLET [SEED]

Words that bash takes apart come out the same, and so do the requests that real curl sends to a server of this script.
"""

import http.server
import json
import random
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

gauntlet = Path(sys.argv[1]).resolve()
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
rng = random.Random(seed)


def imported(text):
    """The requests that are read from a text."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.har"
        subprocess.run([gauntlet, "import", "-", "--format", "curl", "-o", output], input=text.encode(), check=True, capture_output=True)
        return [entry["request"] for entry in json.loads(output.read_text())["log"]["entries"]]


def word():
    """A word in a mixture of quotes; none of it begins a variable or a command."""
    plain = "abz019.,:=+@%^_-/ \t\n!#*?[]{}~&|;<>()'\"\\é€😀"

    def text(letters):
        return "".join(rng.choice(letters) for _ in range(rng.randrange(6)))

    parts = []
    for _ in range(rng.randrange(1, 6)):
        kind = rng.randrange(5)
        if kind == 0:
            parts.append(shlex.quote(text(plain)))
        elif kind == 1:
            parts.append("'" + text(plain.replace("'", "")) + "'")
        elif kind == 2:
            inner = "".join("\\" + c if c in '"\\$`' else c for c in text(plain))
            parts.append('"' + inner + rng.choice(["", "$ ", "\\n", "\\\n"]) + '"')
        elif kind == 3:
            escapes = ["\\n", "\\t", "\\'", "\\\\", '\\"', "\\x41", "\\101", "\\u00e9", "\\xe2\\x82\\xac", "\\U0001F600", "\\e", "\\q", "\\?"]
            parts.append("$'" + "".join(rng.choice(escapes + list("ab !$`\"")) for _ in range(rng.randrange(6))) + "'")
        else:
            parts.append("".join("\\" + c for c in text("ab 'é\"$`\\;|&<>(){}*?#~!")) + rng.choice(["", "\\\n"]) + "x")
    return "".join(parts)


def words_are_those_of_the_shell():
    words = [word() for _ in range(1000)]
    script = "set +H\n" + "".join(f"printf '%s\\0' {w}\n" for w in words)
    shell = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}).stdout.decode().split("\0")[:-1]
    # A line that goes on behind a backslash shows that it is for a shell of Unix.
    requests = imported("".join(f"curl http://a.example/ \\\n  --data-raw {w}\n" for w in words))
    assert len(shell) == len(requests) == len(words), (len(shell), len(requests))
    for written, meant, request in zip(words, shell, requests):
        got = request.get("postData", {}).get("text", "")
        assert got == meant, f"seed {seed}: {written!r} is {meant!r} for bash, and {got!r} here"
    print(f"{len(words)} words are those of bash (seed {seed})")


LINES = [
    """curl URL""",
    """curl -X DELETE URL -H 'Mcp-Session-Id: 1'""",
    """curl URL -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' --data-raw $'{"a":"it\\'s","b":"x\\\\ny"}'""",
    """curl URL -d a=1 -d 'b=x y' --data-urlencode 'c=é&=%' --data-binary 'd"'""",
    """curl -G URL -d a=1 --data-urlencode 'q=x y/z'""",
    """curl 'URL?x=1' -G -d y=2""",
    """curl --json '{"a":1}' URL -H 'accept: */*'""",
    """curl --json '{"a":1}' --json '{"b":2}' URL""",
    """curl -u 'me:pa ss' URL -A 'an agent' -e http://from.example -b 'a=1; b=2'""",
    """curl --oauth2-bearer abc URL -H 'X-Empty;' -H 'Accept:' -H 'x-two: 1' -H 'X-Two: 2'""",
    """curl -sSXPUT -d@- URL <<'EOF'\n{"a":\n 1}\nEOF""",
    """curl --data-binary @- URL <<EOF\n{"a":\n 1}\nEOF""",
    """curl -H 'Host: other.example' URL""",
    """curl -sS --compressed -k -L --http1.1 -m 5 URL --request PATCH --data ''""",
    """curl -I URL""",
    """curl 'URL/\\[1\\]?q=\\{a\\}' --globoff""",
    """curl 'URL/\\[1\\]?q=a'""",
    """curl URL --url-query 'e=1 2' --url-query '+f=%20'""",
    """curl URL/a URL/b --next -d x URL/c""",
]


class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = []

    def any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.seen.append((self.command, self.path, [(n.lower(), v) for n, v in self.headers.items()], body.decode()))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = any

    def log_message(self, *arguments):
        pass


def path_of(rest):
    return rest if rest.startswith("/") else "/" + rest


# What curl says of itself and of the length and the way of the body.
OWN = {"user-agent", "content-length", "accept-encoding", "connection", "expect", "host"}


def requests_are_those_of_curl():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    for line in LINES:
        line = line.replace("URL", url)
        Listener.seen.clear()
        subprocess.run(["bash", "-c", line], check=True, capture_output=True)
        sent = list(Listener.seen)
        read = imported(line)
        assert len(sent) == len(read), f"{line}: {len(sent)} sent, {len(read)} read"
        for (method, path, headers, body), request in zip(sent, read):
            own = OWN if "-A " not in line else OWN - {"user-agent"}
            own = own if "Host:" not in line else own - {"host"}
            mine = [(h["name"].lower(), h["value"]) for h in request["headers"]]
            # `-u` and `-b` are secret, so their values are not what was sent; that they are there is.
            hide = lambda pairs: sorted((n, "" if n in ("authorization", "cookie") else v) for n, v in pairs if n not in own)
            # Versions of curl spell percent-encoded bytes in either case.
            alike = lambda text: re.sub("%[0-9a-fA-F]{2}", lambda found: found[0].upper(), text)
            theirs = (method, alike(path), hide(headers), alike(body))
            got = (request["method"], path_of(request["url"].removeprefix(url)), hide(mine), request.get("postData", {}).get("text", ""))
            assert got == theirs, f"{line}\n curl sends {theirs}\n read is    {got}"
    server.shutdown()
    print(f"{len(LINES)} command lines make the requests of curl")


words_are_those_of_the_shell()
requests_are_those_of_curl()
