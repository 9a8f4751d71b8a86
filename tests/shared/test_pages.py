"""Keyset pages: every row once, whatever is added meanwhile; cursors cannot be forged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from shared.bodies import FieldsRefused
from shared.db import uuid7
from shared.pages import page
from tests.support.small.models import Note, Transaction
from tests.support.tokens import bearer

NOTES = "/api/v1/small/notes"
KEY = "a key"


@pytest.fixture(autouse=True)
def notes(small: Flask) -> None:
    """23 notes, several at the same moment, several of the same amount."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with Transaction() as session:
        for number in range(23):
            made_at = start + timedelta(minutes=number // 4)
            session.add(Note(id=uuid7(), text=f"n{number}", amount_minor=number % 3, made_at=made_at))


def walk(statement: Any, keys: list[Any], limit: int = 5) -> Iterator[Any]:
    after = None
    while True:
        with Transaction() as session:
            found = page(session, statement, after=after, limit=limit, keys=keys, link_key=KEY)
        assert len(found["items"]) <= limit
        yield from found["items"]
        after = found["next"]
        if after is None:
            return


@pytest.mark.parametrize(
    "keys",
    [
        [Note.id],
        [Note.id.desc()],
        [Note.made_at.desc(), Note.id.desc()],
        [Note.amount_minor.desc(), Note.made_at, Note.id.desc()],
        [Note.text.asc(), Note.id.asc()],
    ],
    ids=lambda keys: ", ".join(map(str, keys)),
)
@pytest.mark.parametrize("limit", [1, 5, 23, 100])
def test_walking_the_pages_gives_each_row_once_in_order(keys: list[Any], limit: int) -> None:
    with Transaction() as session:
        whole = list(session.scalars(select(Note.id).order_by(*keys)))

    assert [note.id for note in walk(select(Note), keys, limit)] == whole


def test_rows_added_before_the_cursor_shift_nothing() -> None:
    walked = walk(select(Note), [Note.made_at.desc(), Note.id.desc()])
    seen = [next(walked).text for _ in range(5)]
    with Transaction() as session:
        session.add(Note(id=uuid7(), text="new", amount_minor=0))
    seen += [note.text for note in walked]

    assert len(seen) == len(set(seen)) == 23


def test_statements_of_several_things_give_rows() -> None:
    found = list(walk(select(Note.text, Note.amount_minor), [Note.id]))

    assert (found[0].text, found[0].amount_minor) == ("n0", 0)


@pytest.mark.parametrize("forged", ["", "x", "x.y", "é", "W10.", "." * 50])
def test_a_forged_cursor_is_refused(forged: str) -> None:
    with Transaction() as session, pytest.raises(FieldsRefused):
        page(session, select(Note), after=forged, limit=5, keys=[Note.id], link_key=KEY)


def test_a_cursor_of_another_list_or_key_is_refused(client: FlaskClient, small: Flask) -> None:
    staff = bearer(rights=["giving.read"])
    cursor = client.get(f"{NOTES}?limit=5", headers=staff).get_json()["next"]
    assert client.get(f"{NOTES}?limit=5&after={cursor}", headers=staff).status_code == 200

    keys = [Note.made_at.desc(), Note.id.desc()]
    elsewhere = small.test_request_context("/api/v1/small/notes/summary")
    with elsewhere, Transaction() as session, pytest.raises(FieldsRefused):
        page(session, select(Note), after=cursor, limit=5, keys=keys)
    assert client.get(f"{NOTES}?after={cursor[:-2]}xx", headers=staff).status_code == 422


ORDERS = [[Note.id], [Note.id.desc()], [Note.amount_minor, Note.id], [Note.made_at, Note.id.desc()]]


@pytest.mark.parametrize("made_for", ORDERS)
@pytest.mark.parametrize("used_for", ORDERS)
def test_a_cursor_of_another_order_is_refused(made_for: list[Any], used_for: list[Any]) -> None:
    with Transaction() as session:
        cursor = page(session, select(Note), after=None, limit=5, keys=made_for, link_key=KEY)["next"]
        if made_for is used_for:
            assert page(session, select(Note), after=cursor, limit=5, keys=used_for, link_key=KEY)["items"]
            return
        with pytest.raises(FieldsRefused):
            page(session, select(Note), after=cursor, limit=5, keys=used_for, link_key=KEY)


def test_an_empty_list_has_no_next(client: FlaskClient) -> None:
    answer = client.get(f"{NOTES}?q=nothing", headers=bearer(rights=["giving.read"])).get_json()

    assert answer == {"items": [], "next": None}
