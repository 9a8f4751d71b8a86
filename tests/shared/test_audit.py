"""The audit trail: whoever touches it is found, and at which row."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared import audit
from tests.support.postgres import ServiceDatabase
from tests.support.small.models import Transaction

KEY = "the key of the links"
AT = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
ADA = UUID("018f3c1e-7c7c-7000-8000-000000000001")


@pytest.fixture
def trail(small: Flask, small_database: ServiceDatabase) -> Any:
    """Ten entries, and a way to do anything to them as the database's superuser."""
    with Transaction() as session:
        for number in range(10):
            audit.record(
                session,
                by=ADA,
                action="person.read",
                subject=("person", UUID(int=number)),
                at=AT,
                fields=["birth_name", "email"],
                right="people.read",
                reason="call",
                detail={"said": f"number {number}"} if number % 2 else None,
                key=KEY,
            )

    def tamper(*statements: str) -> None:
        small_database.server.run(
            "set session_replication_role = replica", *statements, database=small_database.name
        )

    return tamper


def verify(heads: list[str] | None = None) -> audit.Verdict:
    with Transaction() as session:
        return audit.verify(session, heads=heads or [], key=KEY)


def head() -> str:
    with Transaction() as session:
        return audit.sign_head(session, at=AT, key=KEY)


def test_an_untouched_trail_is_sound(trail: Any) -> None:
    assert verify([head()]) == audit.Verdict(rows=10)


@pytest.mark.parametrize(
    ("change", "number", "why"),
    [
        ("update audit_entries set action = 'x' where number = 4", 4, "was changed"),
        ("update audit_entries set by = null where number = 4", 4, "was changed"),
        ("update audit_entries set fields = '{}' where number = 4", 4, "was changed"),
        ("update audit_entries set reason = null where number = 1", 1, "was changed"),
        ("update audit_entries set at = at + interval '1 microsecond' where number = 10", 10, "was changed"),
        ("update audit_entries set detail_hash = null where number = 4", 4, "was changed"),
        ("update audit_details set detail = '{}' where number = 4", 4, "its detail was changed"),
        ("delete from audit_details where number = 4", 4, "its detail was changed"),
        ("update audit_details set salt = null where number = 4", 4, "its detail was changed"),
        ("delete from audit_entries where number = 4", 4, "a row is missing"),
        ("delete from audit_entries where number = 1", 1, "a row is missing"),
        (
            "update audit_entries set number = 100 - number where number in (4, 5)",
            4,
            "a row is missing",
        ),
    ],
)
def test_a_touched_row_is_named(trail: Any, change: str, number: int, why: str) -> None:
    trail(change)

    verdict = verify()

    assert (verdict.bad_number, verdict.why) == (number, why)


def test_two_rows_swapped_are_found(trail: Any) -> None:
    trail(
        "update audit_entries set number = -number where number in (4, 5)",
        "update audit_entries set number = 9 + number where number < 0",
    )

    assert verify().bad_number == 4


def test_a_row_put_in_between_is_found(trail: Any) -> None:
    trail(
        "update audit_entries set number = -number where number > 4",
        "update audit_entries set number = 1 - number where number < 0",
        "insert into audit_entries select 5, at, by, action, subject_kind, subject_id, fields, 'x', reason, "
        "detail_hash, previous_hash, hash from audit_entries where number = 4",
    )

    assert verify().bad_number == 5


def test_a_cut_tail_is_found_against_a_signed_head_only(trail: Any) -> None:
    signed = head()
    trail("delete from audit_entries where number > 7")

    assert verify().bad_number is None
    verdict = verify([signed])
    assert (verdict.bad_number, verdict.why) == (8, "rows after this one were cut")


def test_a_tail_cut_and_written_anew_differs_from_the_signed_head(trail: Any) -> None:
    signed = head()
    trail("delete from audit_entries where number > 9")
    with Transaction() as session:
        audit.record(session, by=None, action="other", subject=("x", 1), at=AT, key=KEY)

    verdict = verify([signed])
    assert (verdict.bad_number, verdict.why) == (10, "differs from a signed head")


def test_a_chain_rebuilt_without_the_key_is_found_at_once(trail: Any) -> None:
    trail("delete from audit_details", "delete from audit_entries")
    with Transaction() as session:
        audit.record(session, by=ADA, action="x", subject=("x", 1), at=AT, key="a key of someone else")

    assert verify().bad_number == 1


def test_an_erasure_takes_the_detail_and_leaves_the_chain(trail: Any) -> None:
    request_id = uuid4()
    with Transaction() as session:
        assert audit.erase(session, subject=("person", UUID(int=3)), request_id=request_id) == 1
        left = session.execute(text("select detail from audit_details where number = 4")).scalar_one()

    assert left is None
    assert verify([head()]) == audit.Verdict(rows=10, erased=frozenset({request_id}))


def test_the_app_may_neither_change_nor_delete_entries(trail: Any) -> None:
    for statement in ("update audit_entries set action = 'x'", "delete from audit_entries"):
        with pytest.raises(ProgrammingError) as refused, Transaction() as session:
            session.execute(text(statement))
        assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_a_row_holds_no_value(trail: Any) -> None:
    with Transaction() as session:
        rows = session.execute(text("select * from audit_entries")).all()

    assert "said" not in str(rows)


def test_what_is_rolled_back_was_not_done(small: Flask) -> None:
    with pytest.raises(RuntimeError), Transaction() as session:
        audit.record(session, by=ADA, action="x", subject=("x", 1), at=AT, key=KEY)
        raise RuntimeError
    with Transaction() as session:
        assert audit.record(session, by=ADA, action="x", subject=("x", 1), at=AT, key=KEY) == 1


def test_entries_written_at_once_make_one_chain(small: Flask) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> None:
        with Transaction() as session:
            audit.record(session, by=ADA, action="x", subject=("x", number), at=AT, key=KEY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))

    assert verify() == audit.Verdict(rows=40)


def test_a_head_of_someone_else_is_refused(trail: Any) -> None:
    with Transaction() as session, pytest.raises(ValueError, match="not signed here"):
        audit.verify(session, heads=["x.y"], key=KEY)


def test_the_command_says_it_in_words(
    trail: Any,
    small_database: ServiceDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {"PUBLIC_URL": "x", "KAFKA_BOOTSTRAP_SERVERS": "x", "DIRECTORY_URL": "x", "LINK_KEY": KEY}
    for name, value in {**told, "DATABASE_URL": small_database.app_url}.items():
        monkeypatch.setenv(name, value)
    signed = head()

    assert audit.main("tests.support.small", [signed]) == 0
    trail("delete from audit_entries where number = 6")
    assert audit.main("tests.support.small", [signed]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "10 rows, all as they were written",
        "row 6: a row is missing",
    ]
