"""Headless Chromium through ChromeDriver (W3C WebDriver), with Python's standard library."""

import base64
import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE = 20
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=900,700",
]

# The least contrast between text, or the border of a control, and what is behind it; and what is wider than the screen.
LOOK = """
const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const rgba = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data]; };
const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
  if (c[3] === 255) return c.slice(0, 3); } return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255]; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
const found = { text: 99, border: 99, wide: [], palest: '' };
for (const e of document.querySelectorAll('body, body *')) {
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  if (box.width === 0) continue;
  if (box.right > innerWidth + 0.5) found.wide.push(e.tagName);
  if ([...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.tagName === 'INPUT') {
    const here = contrast(rgba(style.color).slice(0, 3), behind(e));
    if (here < found.text) [found.text, found.palest] = [here, e.textContent.trim().slice(0, 40)];
  }
  if (e.tagName === 'INPUT') {
    const border = rgba(style.borderTopColor), outside = behind(e.parentElement);
    found.border = Math.min(found.border, contrast(border.slice(0, 3), outside));
  }
}
return found;
"""


class Refused(Exception):
    """Something is not as it has to be; the message says what."""


def need(holds, what):
    if not holds:
        raise Refused(what)


class Browser:
    """One browser with one window. `logs`: what of the console and the network is kept for `log`."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.base, self.session = f"http://127.0.0.1:{port}", ""
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def begin(self, profile, logs=None):
        self.wait("chromedriver is ready", self.is_ready)
        options = {"args": [*CHROMIUM, f"--user-data-dir={profile}"]}
        if binary := shutil.which("chromium"):
            options["binary"] = binary
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs or {}}}
        self.session = "/session/" + self.ask("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def ask(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + self.session + path, data, {"content-type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {json.load(error)['value']['error']}") from None

    def is_ready(self):
        try:
            return self.ask("GET", "/status")["ready"]
        except urllib.error.URLError:
            return False

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def all(self, css):
        return [e[ELEMENT] for e in self.ask("POST", "/elements", {"using": "css selector", "value": css})]

    def one(self, css):
        found = self.all(css)
        need(len(found) == 1, f"{len(found)} elements are {css}")
        return found[0]

    def about(self, element, what):
        return self.ask("GET", f"/element/{element}/{what}")

    def focused(self):
        return self.ask("GET", "/element/active")[ELEMENT]

    def type(self, element, text):
        self.ask("POST", f"/element/{element}/value", {"text": text})

    def press(self, key):
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": keys}]})

    def click(self, element):
        self.ask("POST", f"/element/{element}/click")

    def run(self, script):
        return self.ask("POST", "/execute/sync", {"script": script, "args": []})

    def cdp(self, command, **parameters):
        self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def wait(self, what, holds):
        end = time.monotonic() + PATIENCE
        while not holds():
            need(time.monotonic() < end, f"{what}: not within {PATIENCE} s")
            time.sleep(0.05)

    def where(self):
        return self.ask("GET", "/url").split("?")[0]

    def log(self, kind):
        """What was logged since the last time."""
        return self.ask("POST", "/se/log", {"type": kind})

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def scheme(self, name):
        """Light or dark, as the system would be."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screen(self, width, height, scale=1):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 500)

    def end(self):
        try:
            if self.session:
                self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
