#!/usr/bin/env python3
"""Signs in at the page of the `idp` mock with headless Chromium, as the program that BROWSER names.

Takes the URL as its only argument and drives Chromium through ChromeDriver (W3C WebDriver, Python's standard library).
On the way it looks at the pages as a person would who cannot see well, uses the keyboard alone, or has a small screen.

  SIGN_IN_FOLDER  where screenshots, and one result file for each start, are written
  SIGN_IN_ACTION  allow (default) or deny
  SIGN_IN_USER, SIGN_IN_PASSWORD
"""

import os
import pathlib
import sys
import tempfile
import urllib.parse

from webdriver import LOOK, Browser, Refused, need


class Visitor(Browser):
    def look(self, name):
        """Judges and photographs the page in light and dark, wide and narrow."""
        title = self.ask("GET", "/title")
        need(title and self.run("return document.documentElement.lang") == "en", f"{name}: a title and a language")
        need(len(self.all("main")) == 1 and len(self.all("h1")) == 1, f"{name}: one main part and one heading")
        for element in self.all("input:not([type=hidden]), button"):
            need(self.about(element, "computedlabel"), f"{name}: a control has no name")
        for scheme in ("light", "dark"):
            self.scheme(scheme)
            for width in (900, 320):
                self.screen(width, 700)
                found = self.run(LOOK)
                self.picture(FOLDER / f"{name}-{scheme}-{width}.png")
                need(found["text"] >= 4.5, f"{name}: the contrast of text is {found['text']:.1f} in {scheme}, 4.5 is needed")
                need(found["border"] >= 3, f"{name}: the contrast of a border is {found['border']:.1f} in {scheme}, 3 is needed")
                need(not found["wide"], f"{name}: wider than {width} pixels: {found['wide']}")
        self.cdp("Emulation.clearDeviceMetricsOverride")
        self.cdp("Emulation.setEmulatedMedia", features=[])


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
        browser = Visitor()
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
