"""Idempotency-Key: the same wish twice is one act."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from werkzeug.test import TestResponse

from shared import once as once_module
from shared.errors import Conflict
from shared.once import or_the_same
from tests.support.small.models import Note, Transaction
from tests.support.tokens import bearer

NOTES = "/api/v1/small/notes"


def leave(client: FlaskClient, key: str, text: str = "a", **headers: str) -> TestResponse:
    return client.post(NOTES, json={"text": text}, headers={"Idempotency-Key": key, **headers})


def count() -> int:
    with Transaction() as session:
        return len(session.scalars(select(Note.id)).all())


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json(force=True)["code"]


def test_a_repeat_is_answered_from_the_same_row(client: FlaskClient) -> None:
    first, again = leave(client, "key-0001"), leave(client, "key-0001")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert count() == 1


def test_the_same_key_for_another_wish_is_refused(client: FlaskClient) -> None:
    leave(client, "key-0001")

    assert code(leave(client, "key-0001", text="b")) == (422, "key_reused")
    assert count() == 1


def test_keys_of_different_callers_do_not_meet(client: FlaskClient) -> None:
    ada, bob = bearer(), bearer()
    answers = [
        leave(client, "key-0001"),
        leave(client, "key-0001", **{"Amicale-Visitor": "v1"}),
        leave(client, "key-0001", **{"Amicale-Visitor": "v2"}),
        leave(client, "key-0001", **ada),
        leave(client, "key-0001", **bob),
    ]

    assert len({answer.get_json()["id"] for answer in answers}) == 5
    assert leave(client, "key-0001", **ada).get_json()["id"] == answers[3].get_json()["id"]


def test_a_repeat_while_the_first_is_at_work_waits_and_goes_on_afterwards(small: Flask) -> None:
    client = small.test_client()

    def fail(_: Note) -> None:
        raise RuntimeError("the process dies between the two transactions")

    small.config["BETWEEN"] = fail
    assert leave(client, "key-0001").status_code == 500
    small.config["BETWEEN"] = None

    early = leave(client, "key-0001")
    assert code(early) == (409, "still_working")
    assert 1 <= int(early.headers["Retry-After"]) <= 30

    with Transaction() as session:
        session.execute(update(Note).values(claimed_until="2020-01-01"))
    assert leave(client, "key-0001").status_code == 201
    assert count() == 1


def _fifty(client_of: Any) -> list[int]:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: leave(client_of(), "key-0001").status_code, range(50)))
    return sorted(set(answers))


def test_fifty_at_once_make_one_row(small: Flask) -> None:
    statuses = _fifty(small.test_client)

    assert 201 in statuses and set(statuses) <= {201, 409}
    assert count() == 1


def test_control_without_the_unique_key_as_guard_fifty_make_more(
    small: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(
        session: Any, model: Any, scope: dict[str, Any], wished: dict[str, Any], claim_s: int
    ) -> Any:
        before = session.execute(select(Note.id).where(Note.caller == scope["caller"])).first()
        if before is not None:
            return None
        made = {name: wished[name] for name in ("text", "amount_minor")}
        import time

        time.sleep(0.02)
        values = {**made, "id": uuid4(), "caller": scope["caller"], "wish_hash": scope["wish_hash"]}
        return session.execute(insert(model).values(values).returning(Note.id)).scalar_one()

    monkeypatch.setattr(once_module, "_insert", unguarded)

    _fifty(small.test_client)

    assert count() > 1


def test_a_rolled_back_first_request_leaves_no_trace(small: Flask) -> None:
    with small.test_request_context(NOTES, method="POST"):
        try:
            with Transaction() as session:
                once_module.once(session, Note, "key-0001", text="a", amount_minor=1)
                raise RuntimeError
        except RuntimeError:
            pass
        with Transaction() as session:
            note = once_module.once(session, Note, "key-0001", text="b", amount_minor=2)

    assert (note.text, note.repeated, count()) == ("b", False, 1)


def test_a_door_of_one_transaction_claims_nothing(small: Flask) -> None:
    with small.test_request_context(NOTES, method="POST"):
        for expected in (False, True):
            with Transaction() as session:
                note = once_module.once(session, Note, "key-0001", claim_s=0, text="a", amount_minor=1)
            assert (note.repeated, note.claimed_until) == (expected, None)


def test_the_path_is_part_of_the_wish(small: Flask) -> None:
    one, other = UUID(int=1), UUID(int=2)
    with small.test_request_context(f"{NOTES}/{one}"):
        first = once_module.wish_hash({"reason": "error"})
    with small.test_request_context(f"{NOTES}/{other}"):
        second = once_module.wish_hash({"reason": "error"})

    assert first != second


def test_what_is_taken_by_the_same_wish_at_the_same_instant_is_found_the_second_time() -> None:
    answers: list[Any] = [KeyTaken(), "the row"]

    def write() -> str:
        answer = answers.pop(0)
        if isinstance(answer, KeyTaken):
            raise answer
        return str(answer)

    assert or_the_same(KeyTaken, write) == "the row"
    answers += [KeyTaken(), KeyTaken()]
    with pytest.raises(KeyTaken):
        or_the_same(KeyTaken, write)


class KeyTaken(Conflict):
    """Another row has it."""
