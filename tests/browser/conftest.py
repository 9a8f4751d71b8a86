"""Chromium, the looks that every page is photographed in, and the album of the photographs."""

import html
import shutil
import threading
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from tests.support.scale import SCALE
from tests.web import fake_services
from tests.web.fake_server import World
from web.app import create_app

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "pictures"
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STICKING_OUT = """[...document.body.querySelectorAll("*")]
  .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.01)
  .map(each => `${each.tagName}.${each.className} ${each.textContent.trim().slice(0, 30)}`).slice(0, 5)"""
NO_ICON = '<link rel="icon" href="data:,">'
HEIGHTS = {1360: 900, 360: 780, 180: 390}


@dataclass(frozen=True)
class Look:
    """One way to look at a page."""

    width: int
    scheme: str
    language: str

    def __str__(self):
        return f"{self.width}-{self.scheme}-{self.language}"


EVERY_LOOK = [Look(*each) for each in product((1360, 360), ("light", "dark"), ("fr", "en"))]
LOOKS = EVERY_LOOK if SCALE >= 1 else [EVERY_LOOK[0], EVERY_LOOK[-1]]
"""Each width, scheme and language once, in two of the eight looks; all of them with CHAOS_SCALE=1."""


@dataclass
class Album:
    """Photographs by page and look, and the sheet that shows them all."""

    taken: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, look: Look, page: Page) -> None:
        """Photograph the page as it stands."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        file = f"{name}-{look}.jpg"
        page.screenshot(path=PICTURES / file, full_page=True, type="jpeg", quality=78, animations="disabled")
        self.taken.setdefault(name, {})[str(look)] = file

    def bind(self) -> None:
        """Write the contact sheet; pictures of earlier runs that are still there are shown too."""
        known = {str(look) for look in EVERY_LOOK}
        for file in sorted(PICTURES.glob("*.jpg")):
            name, look = next(
                ((file.stem[: -len(x) - 1], x) for x in known if file.stem.endswith(f"-{x}")), ("", "")
            )
            if look:
                self.taken.setdefault(name, {}).setdefault(look, file.name)
        rows = "".join(self._row(name) for name in sorted(self.taken))
        (PICTURES / "index.html").write_text(SHEET.format(rows=rows), encoding="utf-8")

    def _row(self, name: str) -> str:
        shots = "".join(
            f'<figure><a href="{file}"><img src="{file}" loading="lazy" alt=""></a>'
            f"<figcaption>{html.escape(look)}</figcaption></figure>"
            for look, file in sorted(self.taken[name].items(), reverse=True)
        )
        return f"<section><h2>{html.escape(name)}</h2><div>{shots}</div></section>"


SHEET = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Every page of Amicale</title>
<style>body{{font:14px system-ui;margin:2rem;background:#e9e9ec}}
section>div{{display:flex;gap:12px;overflow-x:auto;align-items:start}}figure{{margin:0;flex:none}}
img{{height:420px;width:auto;max-width:520px;object-fit:cover;object-position:top;border:1px solid #bbb}}
figcaption{{color:#555}}</style><h1>Every page of Amicale</h1>{rows}</html>
"""


@pytest.fixture(scope="module")
def chromium():
    """The browser, for one module: while it is there its event loop runs, and no other test can run one."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def album():
    """What this run photographs, bound at its end."""
    kept = Album()
    yield kept
    if kept.taken:
        kept.bind()


@dataclass
class Visitor:
    """Somebody at a page: what went wrong while they looked is kept."""

    page: Page
    base: str
    look: Look
    forgiven: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def listen(self):
        """Note console errors, exceptions, and requests that leave the site."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("request", self._asked)

    def _heard(self, message):
        expected = any(f"status of {status}" in message.text for status in self.forgiven)
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(f"console: {message.text}")

    def _asked(self, request):
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.complaints.append(f"left the site: {request.url}")

    def open(self, path, status=200):
        """Go to a page; an error that is expected is no complaint."""
        if status >= 400:
            self.forgiven.add(status)
        answer = self.page.goto(self.base + path)
        assert answer.status == status, (path, answer.status)
        return self

    def check(self, name, *, in_any_language=False):
        """The page is accessible, fits its width, and nothing was complained about."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, (
            f"{name} {self.look}: scrolls {wide} px sideways: {self.page.evaluate(STICKING_OUT)}"
        )
        assert not self.complaints, f"{name} {self.look}: {self.complaints}"
        # What axe looks at is the same in both languages.
        if in_any_language or self.look.language == "fr" or self.look in LOOKS[-1:]:
            assert not (found := self.violations()), f"{name} {self.look}: {found}"

    def violations(self):
        """What axe finds, shortly."""
        if not self.page.evaluate("typeof axe !== 'undefined'"):
            self.page.evaluate(AXE)
        found = self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"
            ".then(found => found.violations)",
            RULES,
        )
        return [f"{each['id']}: {node['target']}" for each in found for node in each["nodes"][:3]]


@pytest.fixture
def visit(chromium):
    """Open the site as somebody with a look; `session` is the cookie they hold."""
    contexts = []

    def open_as(base, look, session=None, **options):
        context = chromium.new_context(
            viewport={"width": look.width, "height": HEIGHTS[look.width]},
            color_scheme=look.scheme,
            locale={"fr": "fr-FR", "en": "en-GB"}[look.language],
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        if session:
            cookie = {
                "name": "__Host-session",
                "value": session,
                "url": base.replace("http:", "https:"),
                "secure": True,
                "httpOnly": True,
            }
            context.add_cookies([cookie])
        visitor = Visitor(context.new_page(), base, look)
        visitor.listen()
        return visitor

    yield open_as
    for context in contexts:
        context.close()


@dataclass
class Site:
    """The portal over stand-ins of the services, which a test may change."""

    url: str
    world: World


@pytest.fixture(scope="session")
def site_process():
    """One portal for the run, over stand-ins."""
    services = fake_services.start(World())
    inside = f"http://127.0.0.1:{services.server_port}"
    server = make_server("127.0.0.1", 0, None, threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    app = create_app(fake_services.portal_settings(inside, url))
    server.app = app
    app.extensions["shared_answers"].fresh_s = 0
    app.extensions["shared_answers"].stale_s = 0
    app.add_url_rule(
        "/sandbox/pay/<link>", "pay", lambda link: f"{NO_ICON}<title>Pay</title><h1>Pay</h1><p>{link}</p>"
    )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield url, services
    server.shutdown()
    services.shutdown()


@pytest.fixture
def site(site_process):
    """The portal, with a world of its own."""
    url, services = site_process
    services.world = World()
    services.world.public_url = url
    return Site(url, services.world)
