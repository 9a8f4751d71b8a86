"""Signed links: for one purpose, one row, one version."""

from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from shared import links
from tests.support.small.models import Note, Transaction

KEY = "a key"
NOTES = "/api/v1/small/notes"


def test_a_link_gives_back_what_was_signed() -> None:
    note = uuid4()

    assert links.verify("gift", links.sign("gift", note, key=KEY), key=KEY) == note


@pytest.mark.parametrize(
    ("purpose", "version", "key"), [("receipt", 0, KEY), ("gift", 1, KEY), ("gift", 0, "another key")]
)
def test_another_purpose_version_or_key_is_not_found(purpose: str, version: int, key: str) -> None:
    token = links.sign("gift", uuid4(), key=KEY)

    with pytest.raises(links.LinkNotFound):
        links.verify(purpose, token, version, key=key)


@given(st.text(max_size=80))
def test_no_text_passes_for_a_link(text: str) -> None:
    with pytest.raises(links.LinkNotFound):
        links.verify("gift", text, key=KEY)


def test_other_spellings_of_a_link_are_not_found() -> None:
    token = links.sign("gift", UUID("018f3c1e-7c7c-7000-8000-00000000000a"), key=KEY)

    for other in (
        token.upper(),
        f"{token}=",
        f" {token}",
        token.replace("-", ""),
        "{" + token.replace(".", "}."),
    ):
        with pytest.raises(links.LinkNotFound):
            links.verify("gift", other, key=KEY)


def test_raising_the_version_revokes(client: FlaskClient) -> None:
    made = client.post(NOTES, json={"text": "a"}, headers={"Idempotency-Key": "key-0001"}).get_json()
    assert client.get(f"{NOTES}/by-link/{made['link']}").status_code == 200

    with Transaction() as session:
        session.execute(update(Note).values(link_version=1))

    assert client.get(f"{NOTES}/by-link/{made['link']}").status_code == 404


def test_signed_content_is_read_for_its_purpose_only() -> None:
    signed = links.sign_content("page", b"content", key=KEY)

    assert links.verify_content("page", signed, key=KEY) == b"content"
    assert links.verify_content("other", signed, key=KEY) is None
    assert links.verify_content("page", signed[:-1], key=KEY) is None
    assert links.verify_content("page", "", key=KEY) is None


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(RuntimeError):
        links.sign("gift", uuid4(), key="")
