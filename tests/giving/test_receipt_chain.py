"""The chain of receipts names the first place that somebody touched, even with all rights on the database."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from services.giving import receipt_chain, receipt_voids
from services.giving.models import Receipt, Transaction
from tests.giving import receipt_world, world

pytestmark = pytest.mark.usefixtures("giving")

TOUCHED = [
    ("update receipts set amount_minor = 1 where number = 3", "position 3"),
    ("update receipts set frozen = jsonb_set(frozen, '{name}', '\"X\"') where number = 3", "position 3"),
    ("update receipt_lines set paid_on = paid_on - 1 where receipt_id = (select id from receipts"
     " where number = 4)", "position 4"),
    ("update receipt_addressees set detail = '{}' where receipt_id = (select id from receipts"
     " where number = 1)", "position 1"),
    ("update receipt_voids set reason = 'refund'", "position 6"),
    ("delete from receipt_voids", "position 6"),
    ("delete from receipts where number = 3", "position 3"),
    ("delete from receipt_lines where receipt_id = (select id from receipts where number = 5)",
     "position 5"),
    ("delete from receipt_chain where position = 3", "position 3: a fact is missing"),
    ("update receipt_chain c set position = 100 + position where position in (4, 5);"
     "update receipt_chain c set position = 109 - position where position > 100", "position 4"),
    ("update receipts set number = 100 + number where number in (4, 5);"
     "update receipts set number = 109 - number where number > 100", "position 4"),
    ("insert into receipts select gen_random_uuid(), entity_id, series, year, 7, article, party_id,"
     " amount_minor, currency, first_on, last_on, issued_at, issued_by, replaces_id, frozen"
     " from receipts where number = 1", "issued outside the chain"),
    ("insert into receipt_voids select id, 'error', '', now(), null from receipts where number = 1",
     "voided outside the chain"),
]  # fmt: skip
CUT = """
delete from receipt_chain where position >= 6;
delete from receipt_lines where receipt_id = (select id from receipts where number = 6);
delete from receipt_voids;
delete from receipts where number = 6
"""


@pytest.fixture
def heads():
    """Five receipts, the second one voided and replaced: seven facts. Their signed head."""
    receipt_world.law()
    campaign = world.campaign()
    receipt_world.complete()
    for _ in range(5):
        receipt_world.settled(campaign)
    receipt_world.issue_due()
    with Transaction() as session:
        second = session.execute(select(Receipt).where(Receipt.number == 2)).scalar_one()
        receipt_voids.void(session, second, reason="error", note="Nom", by=None, at=world.NOW)
        return receipt_chain.sign_heads(session, at=world.NOW)


@pytest.fixture
def touching(giving_database):
    """What the superuser does, without any guard, until the block ends."""
    parts = psycopg.conninfo.conninfo_to_dict(giving_database.server.url)
    parts["dbname"] = giving_database.name
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(**parts))

    @contextmanager
    def touch(statements: str) -> Iterator[Session]:
        with Session(engine) as session:
            session.execute(text("set local session_replication_role = replica"))
            for each in statements.split(";"):
                session.execute(text(each))
            yield session
            session.rollback()

    yield touch
    engine.dispose()


def found(session, heads=()):
    return [str(each) for each in receipt_chain.verify(session, heads=heads)]


def test_a_chain_as_it_was_written_has_no_break(heads):
    with Transaction() as session:
        assert found(session, heads) == []


def test_what_was_touched_is_named(heads, touching):
    for statements, told in TOUCHED:
        with touching(statements) as session:
            [first] = found(session)
            assert told in first, statements


def test_a_cut_tail_shows_against_a_signed_head_only(heads, touching):
    with touching(CUT) as session:
        assert found(session) == []
        assert "position 6: facts from here on were cut" in found(session, heads)[0]


def test_a_head_that_was_not_signed_here_is_refused(heads):
    with pytest.raises(ValueError, match="not signed here"), Transaction() as session:
        found(session, ["bm9wZQ.bm9wZQ"])


def test_the_command_tells_it_in_words(heads, capsys, monkeypatch, giving):
    monkeypatch.setattr(receipt_chain, "load", lambda: giving)

    assert receipt_chain.main(heads) == 0
    assert "7 facts, all as they were written." in capsys.readouterr().out
