#!/usr/bin/env python3
"""Signs in at the page of the `idp` mock with headless Chromium, as the program that BROWSER names.

Takes the URL as its only argument and drives Chromium through ChromeDriver (W3C WebDriver, Python's standard library).
On the way it looks at the pages as a person would who cannot see well, uses the keyboard alone, or has a small screen.

  SIGN_IN_FOLDER  where screenshots, and one result file for each start, are written
  SIGN_IN_ACTION  allow (default) or deny
  SIGN_IN_USER, SIGN_IN_PASSWORD
"""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
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
const found = { text: 99, border: 99, wide: [] };
for (const e of document.querySelectorAll('body, body *')) {
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  if (box.width === 0) continue;
  if (box.right > innerWidth + 0.5) found.wide.push(e.tagName);
  if ([...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.tagName === 'INPUT')
    found.text = Math.min(found.text, contrast(rgba(style.color).slice(0, 3), behind(e)));
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
    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.base, self.session = f"http://127.0.0.1:{port}", ""
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def begin(self, profile):
        self.wait("chromedriver is ready", self.is_ready)
        options = {"args": [*CHROMIUM, f"--user-data-dir={profile}"]}
        if binary := shutil.which("chromium"):
            options["binary"] = binary
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
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

    def picture(self, name):
        (FOLDER / f"{name}.png").write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def look(self, name):
        """Judges and photographs the page in light and dark, wide and narrow."""
        title = self.ask("GET", "/title")
        need(title and self.run("return document.documentElement.lang") == "en", f"{name}: a title and a language")
        need(len(self.all("main")) == 1 and len(self.all("h1")) == 1, f"{name}: one main part and one heading")
        for element in self.all("input:not([type=hidden]), button"):
            need(self.about(element, "computedlabel"), f"{name}: a control has no name")
        for scheme in ("light", "dark"):
            self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            for width in (900, 320):
                self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=width < 500)
                found = self.run(LOOK)
                self.picture(f"{name}-{scheme}-{width}")
                need(found["text"] >= 4.5, f"{name}: the contrast of text is {found['text']:.1f} in {scheme}, 4.5 is needed")
                need(found["border"] >= 3, f"{name}: the contrast of a border is {found['border']:.1f} in {scheme}, 3 is needed")
                need(not found["wide"], f"{name}: wider than {width} pixels: {found['wide']}")
        self.cdp("Emulation.clearDeviceMetricsOverride")
        self.cdp("Emulation.setEmulatedMedia", features=[])

    def end(self):
        try:
            if self.session:
                self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()


def sign_in(browser, url, action):
    redirect = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["redirect_uri"][0]
    user, password = os.environ["SIGN_IN_USER"], os.environ["SIGN_IN_PASSWORD"]
    browser.go(url)
    browser.look("login")
    name, secret = browser.one("[autocomplete=username]"), browser.one("[autocomplete=current-password]")
    need(browser.about(name, "computedlabel") == "User name", "the field for the user name is not labelled so")
    need(browser.about(secret, "computedlabel") == "Password", "the field for the password is not labelled so")
    need(browser.focused() == name, "the user name has no focus at first")
    browser.type(name, user)
    browser.type(secret, "not " + password)
    browser.press("\ue007")
    browser.wait("the error is shown", lambda: browser.all("[role=alert]"))
    browser.look("login-error")
    need(browser.about(browser.one("[role=alert]"), "text"), "the error says nothing")
    name, secret = browser.one("[autocomplete=username]"), browser.one("[autocomplete=current-password]")
    need(browser.about(name, "property/value") == user, "the user name has to be typed again")
    need(not browser.about(secret, "property/value"), "the password is sent back")
    need(browser.focused() == secret, "the password, which is to be typed again, has no focus")
    described = browser.about(secret, "attribute/aria-describedby")
    need(described and browser.all(f"#{described}[role=alert]"), "the field is not tied to the error")
    browser.type(secret, password)
    # By keyboard alone: the button comes after the field.
    browser.press("\ue004")
    need(browser.about(browser.focused(), "computedlabel") == "Sign in", "the button does not follow the password")
    browser.press("\ue007")
    browser.wait("consent is asked for", lambda: browser.all("button[value=allow]"))
    browser.look("consent")
    browser.click(browser.one(f"button[value={action}]"))
    browser.wait("the browser is sent back", lambda: browser.where() == redirect)
    browser.look(f"callback-{action}")
    text = browser.about(browser.one("main"), "text")
    need(("refused" in text) == (action == "deny"), f"the last page says: {text}")


def main():
    result = "ok"
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser()
        try:
            browser.begin(profile)
            sign_in(browser, sys.argv[1], os.environ.get("SIGN_IN_ACTION", "allow"))
        except (Refused, OSError) as refused:
            result = str(refused)
        finally:
            browser.end()
    part = FOLDER / f".{os.getpid()}"
    part.write_text(result + "\n")
    part.rename(FOLDER / f"{os.getpid()}.result")
    return result != "ok"


FOLDER = pathlib.Path(os.environ["SIGN_IN_FOLDER"])
if __name__ == "__main__":
    sys.exit(main())
