#!/usr/bin/env python3
"""Opens a page of `gauntlet report --format html` from the disk in headless Chromium and uses it as people do.

  check.py PAGE [PICTURES]     with mouse and keyboard, in light and dark, wide and narrow; pictures are left in PICTURES
  check.py --hostile PAGE      only opens every case: nothing that a target sent may run or be asked for
  check.py --self-test PAGE    the check has to refuse copies of the page that are broken on purpose

The page may not write to the console nor ask for anything. Exit code: 0 as it should be, 1 not, and why.
"""

import base64
import json
import pathlib
import sys
import tempfile
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "browser"))
sys.dont_write_bytecode = True
from webdriver import LOOK, Browser, Refused, need  # noqa: E402

OPEN = '<script type="application/jsonl" class="data">'
ENTER, ESCAPE, TAB, DOWN = "\ue007", "\ue00c", "\ue004", "\ue015"
READY = "return document.documentElement.dataset.ready === 'true'"
SIZES = {"wide": (1400, 900), "narrow": (390, 844)}


class Reader(Browser):
    """Somebody who reads the page, and what the page holds."""

    def __init__(self, page):
        super().__init__()
        self.page = page
        self.url = page.resolve().as_uri()
        parts = [part.split("</script>")[0].splitlines() for part in page.read_text().split(OPEN)[1:]]
        self.cases = [case for kind, case in map(json.loads, (lines[0] for lines in parts)) if kind == "case"]
        self.pages = [data["name"] for kind, data in map(json.loads, (lines[0] for lines in parts)) if kind == "page"]

    def open(self, state=""):
        self.go("about:blank")
        self.go(self.url + (f"#{urllib.parse.urlencode(state)}" if state else ""))
        self.wait("the page is ready", lambda: self.run(READY))

    def text(self, css):
        return self.run(f"return document.querySelector({json.dumps(css)}).textContent")

    def count(self):
        return self.text("#count")

    def expect_count(self, n, what):
        all_cases = f"{len(self.cases):,} case{'' if len(self.cases) == 1 else 's'}"
        want = all_cases if n is None else f"{n:,} of {all_cases}"
        self.wait(f"{what}: the list tells {want}, not {self.count()}", lambda: self.count() == want)

    def rows(self):
        return self.run("return document.querySelectorAll('#rows tr[aria-rowindex]').length")

    def selected(self):
        return urllib.parse.parse_qs(self.ask("GET", "/url").partition("#")[2]).get("case", [None])[0]

    def quiet(self, what):
        """Nothing has been written to the console, and nothing but the page was asked for."""
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if message["params"]["documentURL"].startswith("chrome:"):
                    continue  # the browser's own first page
                need(url.split("#")[0] in (self.url, "about:blank"), f"{what}: the page asks for {url}")
        for entry in self.log("browser"):
            raise Refused(f"{what}: the console says: {entry['message']}")



def number(cases, **facets):
    return sum(all(case.get(name) == value for name, value in facets.items()) for case in cases)


def filters(reader):
    cases = reader.cases
    reader.open()
    reader.expect_count(None, "at first")
    need(0 < reader.rows() <= min(len(cases), 120), f"{reader.rows()} of {len(cases)} rows are elements")
    kind = next(case["shown"] for case in cases if case["shown"] != "pass")
    reader.click(reader.one(f"[data-kind={kind}]"))
    reader.expect_count(number(cases, shown=kind), f"filtered by {kind}")
    need(reader.about(reader.one(f"[data-kind={kind}]"), "attribute/aria-pressed") == "true", "the button is not pressed")
    need(f"is={kind}" in reader.ask("GET", "/url"), "the address does not tell the filter")
    reader.click(reader.one("#clear"))
    reader.expect_count(None, "cleared")
    for facet in ("pack", "target", "version"):
        if not (select := reader.all(f"[data-facet={facet}]")):
            continue
        reader.run(f"const s = document.querySelector('[data-facet={facet}]'); s.selectedIndex = 1; s.dispatchEvent(new Event('change'))")
        name = reader.about(select[0], "property/value")
        names = [added[1] for case in cases for added in case.get("names", []) if added[0] == facet]
        reader.expect_count(number(cases, **{facet: names.index(name)}), f"filtered by the {facet} {name}")
        reader.click(reader.one("#clear"))
    # The same link shows the same.
    reader.open({"is": kind, "q": "zzz-no-such-text"})
    reader.expect_count(0, "opened by a link")


def searches(reader):
    case = next(case for case in reader.cases if case.get("why"))
    word = max(case["why"].split(), key=len)
    texts = ["\n".join(filter(None, [c["id"], c["title"], c.get("why"), c.get("also")])).lower() for c in reader.cases]
    reader.open()
    reader.press("/")
    need(reader.about(reader.focused(), "computedlabel") == "Search", "/ does not lead to the search")
    reader.type(reader.focused(), word)
    reader.expect_count(sum(word.lower() in text for text in texts), f"searched for {word}")
    reader.press(DOWN)
    need(reader.selected(), "the arrow does not lead from the search to the first case")


def expands(reader, pictures):
    wrong = next((c for c in reader.cases if c["weight"] in ("fail", "error")), reader.cases[0])
    reader.open({"case": wrong["id"]})
    need(wrong["scenario"] in reader.text(".case h2"), "the address of a case does not open it")
    opened = reader.all(".exchange[open] .message pre")
    need(opened and reader.about(opened[0], "text"), "the exchange that is judged is not open")
    closed = reader.all(".exchange:not([open]) > summary")
    before = len(opened)
    if closed:
        reader.click(closed[0])
        reader.wait("an exchange opens", lambda: len(reader.all(".exchange[open] .message pre")) > before)
    need(not reader.all(".diff") or reader.text(".diff thead").startswith("Expected"), "expected is not beside actual")
    reader.run("document.querySelector('.command .copy').click()")
    reader.wait("the line is copied", lambda: reader.text(".command .copy") == "Copied")
    look(reader, "case", pictures)


def keys(reader):
    reader.open()
    reader.press(TAB)
    need("Skip" in reader.about(reader.focused(), "text"), "the first stop is no way past the head")
    reader.open()
    reader.press("j")
    first = reader.selected()
    reader.press("j")
    need(first and reader.selected() not in (None, first), "j does not lead through the cases")
    reader.press("k")
    need(reader.selected() == first, "k does not lead back")
    if any(case["weight"] in ("fail", "error", "warn") for case in reader.cases):
        reader.press("n")
        case = next(case for case in reader.cases if case["id"] == reader.selected())
        need(case["weight"] in ("fail", "error", "warn"), "n leads to a case that is as it should be")
    reader.press(ESCAPE)
    need(reader.selected() is None, "Escape does not lead back to the list")
    reader.press(ENTER)
    need(reader.about(reader.focused(), "attribute/id") == "pane" and reader.selected(), "Enter does not lead to the details")
    reader.press("o")
    need(reader.selected() is None, "o does not lead to the overview")
    reader.press("?")
    reader.wait("? lists the keys", lambda: reader.run("return document.querySelector('#keys').open"))
    reader.press(ESCAPE)
    reader.wait("Escape closes the list of keys", lambda: not reader.run("return document.querySelector('#keys').open"))


def themes(reader):
    ground = "return getComputedStyle(document.body).backgroundColor"
    reader.open()
    reader.scheme("light")
    light = reader.run(ground)
    reader.scheme("dark")
    dark = reader.run(ground)
    need(light != dark, "the page is the same in light and dark")
    reader.press("t")
    need(reader.run(ground) == light, "t does not choose light")
    reader.press("t")
    reader.scheme("light")
    need(reader.run(ground) == dark, "t does not choose dark")
    reader.open()
    need(reader.run(ground) == dark, "the choice is forgotten")
    reader.press("t")


def look(reader, name, pictures):
    """Names, contrast and width, in light and dark, on a desk and on a telephone."""
    need(len(reader.all("main")) == 1 and len(reader.all("h1")) == 1, f"{name}: one main part and one heading")
    for element in reader.all("#filter input, #filter button, #filter select, .bar button, #pane button"):
        need(reader.about(element, "computedlabel") or not reader.about(element, "displayed"), f"{name}: a control has no name")
    for scheme in ("light", "dark"):
        reader.scheme(scheme)
        for size, (width, height) in SIZES.items():
            reader.screen(width, height)
            found = reader.run(LOOK)
            if pictures:
                reader.picture(pictures / f"{name}-{scheme}-{size}.png")
            need(found["text"] >= 4.5, f"{name}: the contrast of text is {found['text']:.1f} in {scheme}, 4.5 is needed: {found['palest']}")
            need(found["border"] >= 3, f"{name}: the contrast of a border is {found['border']:.1f} in {scheme}, 3 is needed")
            wide = reader.run("return document.documentElement.scrollWidth - innerWidth")
            need(wide <= 0, f"{name}: {wide} pixels wider than {width}")
    reader.screen(*SIZES["wide"])
    reader.scheme("light")


def covers(reader):
    """The page of requirements: narrowed, opened, and led from to the cases."""
    reader.open({"page": "coverage"})
    rows = "#pane .matrix tr:not(.theme) th[scope=row]"
    everything = len(reader.all(rows))
    set_to = "const e = document.querySelector('[data-coverage={0}]'); e.value = {1}; e.dispatchEvent(new Event('{2}'));"
    reader.run(set_to.format("q", '"kiro.mcp.identity"', "input"))
    narrowed = len(reader.all(rows))
    need(0 < narrowed < everything, f"a search leaves {narrowed} of {everything} requirements")
    need(reader.all("#pane .matrix .cell.fail"), "what is not kept in this run is not told")
    reader.run(set_to.format("state", '"not-covered"', "change"))
    need(not reader.all(rows), "no requirement of the client's identity is without a scenario")
    reader.run(set_to.format("state", '""', "change"))
    reader.run("document.querySelector('#pane .matrix summary').click()")
    reader.wait("a requirement opens", lambda: reader.all("#pane .proofs"))
    reader.run("document.querySelector('#pane .proofs a[href^=\\'#\\']').click()")
    reader.wait("its cases are listed", lambda: 0 < reader.rows() and reader.count() != f"{len(reader.cases):,} cases")
    reader.quiet("the page of requirements")


def prints(reader):
    case = next((c for c in reader.cases if c["weight"] in ("fail", "error")), reader.cases[0])
    reader.open({"q": case["scenario"]})
    reader.run("dispatchEvent(new Event('beforeprint'))")
    printed = reader.run("return document.querySelector('#print').textContent")
    need(case["id"] in printed and case["title"] in printed, "the cases that fit the filter are not printed")
    reader.run("dispatchEvent(new Event('afterprint'))")
    pdf = base64.b64decode(reader.ask("POST", "/print", {}))
    need(pdf.startswith(b"%PDF") and len(pdf) > 10_000, "there is nothing on paper")


def use(reader, pictures):
    filters(reader)
    reader.quiet("filters")
    searches(reader)
    reader.quiet("searches")
    expands(reader, pictures)
    keys(reader)
    themes(reader)
    reader.open()
    look(reader, "overview", pictures)
    for page in reader.pages:
        reader.open({"page": page})
        need(reader.all("#pane h2"), f"the page {page} is empty")
        look(reader, page, pictures)
    if "coverage" in reader.pages:
        covers(reader)
    prints(reader)
    reader.quiet("the page")


def open_all(reader):
    """Whatever stands in the cases, it is text: no element but the page's own, nothing run, nothing asked for."""
    reader.open()
    for case in reader.cases:
        reader.run(f"location.hash = new URLSearchParams({{ case: {json.dumps(case['id'])} }})")
        reader.wait(f"{case['id']} is open", lambda case=case: reader.selected() == case["id"] and reader.all(".case"))
        reader.run("document.querySelectorAll('#pane details').forEach((element) => { element.open = true; })")
    strange = "return [...document.querySelectorAll('img, iframe, object, embed, script:not(.data), a[href]')]"
    found = reader.run(f"{strange}.filter((e) => e.tagName !== 'A' || !/^(#|https?:)/.test(e.getAttribute('href'))).map((e) => e.tagName)")
    need(found == ["SCRIPT"], f"the page has elements that are not its own: {found}")
    need(reader.run("return window.hacked === undefined"), "a script of the target has run")
    reader.quiet("the hostile page")


def with_reader(page, act):
    with tempfile.TemporaryDirectory() as profile:
        reader = Reader(page)
        try:
            reader.begin(profile, {"browser": "ALL", "performance": "ALL"})
            reader.screen(*SIZES["wide"])
            act(reader)
        finally:
            reader.end()


# What is broken: how, and what the check has to say about it.
BROKEN = {
    "a filter that lets everything through": ("state.is.has(row.shown)", "true", "filtered by"),
    "a request": ("<body>", '<body><img alt="" src="http://127.0.0.1:9/x.png">', "asks for http://127.0.0.1:9/x.png"),
    "an error on the console": ("'use strict';", "'use strict';\nconsole.error('broken');", "console says"),
    "requirements that are all listed": ("shown.q.toLowerCase()", "''", "a search leaves"),
    "a key that does nothing": ("k: () => move(-1),", "", "k does not lead back"),
    "a pale text": ("--dim: light-dark(#5b626d", "--dim: light-dark(#b8bcc4", "contrast of text"),
}


def self_test(page):
    text = page.read_text()
    # Without the policy, which would keep all of it from happening.
    policy = text[text.index('<meta http-equiv="Content-Security-Policy"'):]
    text = text.replace(policy[: policy.index(">") + 1], "")
    with tempfile.TemporaryDirectory() as folder:
        for what, (before, after, said) in BROKEN.items():
            copy = pathlib.Path(folder) / "page.html"
            need(before in text, f"{what}: there is no {before!r} in the page")
            copy.write_text(text.replace(before, after, 1))
            try:
                with_reader(copy, lambda reader: use(reader, None))
            except Refused as refused:
                need(said in str(refused), f"{what} is refused for another reason: {refused}")
                print(f"refused: {what}")
            else:
                raise Refused(f"{what} is not noticed")


def main():
    mode, *rest = sys.argv[1:] if sys.argv[1].startswith("--") else ["", *sys.argv[1:]]
    page = pathlib.Path(rest[0])
    pictures = pathlib.Path(rest[1]) if len(rest) > 1 else None
    try:
        if mode == "--self-test":
            self_test(page)
        elif mode == "--hostile":
            with_reader(page, open_all)
        else:
            with_reader(page, lambda reader: use(reader, pictures))
    except (Refused, OSError) as refused:
        sys.exit(f"{page}: {refused}")
    print(f"{page}: as it should be")


if __name__ == "__main__":
    main()
