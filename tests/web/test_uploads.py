"""Uploads: a large body is read only from who may send it, and never from so many that pages wait."""

import html
import io

import pytest

from services.directory import imports
from tests.web.samples import PERSON
from web import uploads

PATH = "/console/imports/"
LARGE = 9_000_000


class Watched(io.RawIOBase):
    """A body that knows whether somebody read it."""

    def __init__(self):
        self.was_read = False

    def readable(self):
        return True

    def readinto(self, buffer):
        self.was_read = True
        return 0


def begin(browser, path, **headers):
    """The head of a large upload; its answer, and its body."""
    body = Watched()
    answer = browser.client.post(
        path,
        base_url="http://127.0.0.1:8080",
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": str(LARGE)},
        content_type="multipart/form-data; boundary=b",
        headers={**browser.headers, **headers},
    )
    return answer, body


@pytest.fixture
def officer(browser, world):
    return browser.hold(world.sign_in(PERSON, ["people.import"]))


def send(officer, length):
    """A file of so many bytes, sent by somebody who may."""
    return officer.post(PATH, {"file": (io.BytesIO(b"x" * length), "people.csv"), "key": "one-file"})


def test_a_stranger_s_large_body_is_not_read(browser):
    answer, body = begin(browser, PATH)

    assert answer.location.startswith("/sign-in")
    assert not body.was_read


def test_a_cookie_that_opens_no_session_has_nothing_read_either(browser):
    answer, body = begin(browser.hold("junk"), PATH)

    assert answer.location.startswith("/sign-in")
    assert not body.was_read


def test_nor_does_a_session_without_the_right(browser, world):
    answer, body = begin(browser.hold(world.sign_in(PERSON, ["people.read"])), PATH)

    assert answer.status_code == 403
    assert not body.was_read


@pytest.mark.parametrize("path", ["/sign-in", "/campaigns/bourses-2026", "/no-such-page"])
def test_no_other_page_reads_one(officer, path):
    answer, body = begin(officer, path)

    assert answer.status_code == 413
    assert not body.was_read


def test_a_body_that_does_not_say_its_length_is_taken_for_a_large_one(browser):
    answer = browser.client.post("/sign-in", headers={**browser.headers, "Transfer-Encoding": "chunked"})

    assert answer.status_code == 413


def test_a_third_file_at_once_is_told_to_wait(app, officer):
    slots = app.extensions["uploads"]
    with slots, slots:
        answer, body = begin(officer, PATH)
    page = html.unescape(answer.text)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "D’autres fichiers sont en cours de réception" in page
    assert not body.was_read
    assert send(officer, 600_000).status_code == 303


def test_one_file_after_the_other_is_handed_on_whole(officer, world):
    for _ in range(uploads.AT_ONCE + 1):
        assert send(officer, 3_000_000).status_code == 303

    lengths = [
        int(h["Content-Length"])
        for verb, path, _, h in world.asked
        if path.endswith("/imports") and verb == "POST"
    ]
    assert len(lengths) == uploads.AT_ONCE + 1
    assert min(lengths) > 3_000_000


def test_a_file_that_is_too_large_is_told_the_limit(officer, world):
    answer = send(officer, uploads.FILE_MAX_BYTES + 1)

    assert answer.status_code == 413
    assert "Ce fichier dépasse 24 Mo" in html.unescape(answer.text).replace("\u00a0", " ").replace(
        "\u202f", " "
    )
    assert not [path for verb, path, *_ in world.asked if path.endswith("/imports") and verb == "POST"]


def test_web_and_the_directory_take_the_same(app):
    assert app.config["MAX_CONTENT_LENGTH"] == uploads.BODY_MAX_BYTES == imports.BODY_MAX
