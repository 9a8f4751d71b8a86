"""Assets: for good at their address, ours alone, listed and unchanged."""

import hashlib
import re
from pathlib import Path

import pytest

from web.ui import assets, pictures

VENDOR = Path(assets.__file__).parent / "vendor"


def test_an_asset_is_kept_for_good_at_an_address_made_of_its_content(browser):
    page = browser.get("/").text

    for address in set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(answer.data).hexdigest()[:12] in address


def test_an_asset_known_to_the_browser_is_not_sent_again(browser):
    address = assets.read()["ui.css"].address
    etag = browser.get(address).headers["ETag"]

    assert browser.get(address, **{"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("path", ["ui.css", "../app.py", "ui.000000000000.css", "%2e%2e/app.py"])
def test_nothing_else_is_served(browser, path):
    assert browser.get(f"/assets/{path}").status_code == 404


def test_style_sheets_name_their_type_by_hashed_addresses():
    found = assets.read()
    named = re.findall(rb"url\(([^)]+\.woff2)\)", found["ui.css"].body)

    assert named and all(address.decode() in {each.address for each in found.values()} for address in named)


def test_nothing_comes_from_another_site():
    for name, asset in assets.read().items():
        if asset.kind.startswith(("text/css", "image/svg")):
            body = asset.body.decode().replace("http://www.w3.org/", "")
            assert "http://" not in body and "https://" not in body and "@import" not in body, name


def test_what_is_vendored_is_what_the_manifest_says():
    rows = [
        line.split() for line in (VENDOR / "MANIFEST").read_text().splitlines() if line[:1] not in {"#", ""}
    ]

    for row in rows:
        assert hashlib.sha256((VENDOR / row[0]).read_bytes()).hexdigest() == row[-1], row[0]
    kept = {path.name for path in VENDOR.iterdir()} - {"MANIFEST"}
    assert {name for name in kept if not name.startswith("LICENSE")} == {row[0] for row in rows}


def test_a_campaign_s_picture_is_one_of_ours():
    assert all(pictures.file_of(name) in assets.read() for name in pictures.NAMES)
    assert pictures.file_of("../../etc/passwd") == pictures.file_of(None) == "skyline.svg"


def test_the_first_page_is_light(browser):
    import gzip

    page = browser.get("/campaigns/bourses-2026").text
    named = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page))
    bodies = [page.encode(), *(browser.get(address).data for address in named)]

    assert sum(min(len(body), len(gzip.compress(body))) for body in bodies) <= 150_000
