"""Changes of one party in two transactions at once: their positions are in the order of the commits."""

import threading
import time

from sqlalchemy import text

from services.notify import changes
from services.notify.models import Transaction, database
from shared.db import uuid7
from tests.support.facts import NOW

GUARD = "select pg_advisory_xact_lock(hashtextextended(cast(:party_id as text), 7))"


def _record(session, party_id):
    told = {"message_id": uuid7(), "cause": "donation.settled", "occurred_at": NOW, "at": NOW}
    return changes.record(session, party_id=party_id, **told)


def _committed_around(slow_party, quick_party):
    """Positions in the order of their commits: one transaction takes its position first and lingers."""
    committed, done = [], threading.Event()

    def quick():
        with Transaction() as session:
            position = _record(session, quick_party)
        committed.append(position)
        done.set()

    with Transaction() as slow:
        first = _record(slow, slow_party)
        thread = threading.Thread(target=quick)
        thread.start()
        _until(lambda: done.is_set() or _somebody_waits())
        overtaken = done.is_set()
    thread.join(10)
    return [*committed, first] if overtaken else [first, *committed]


def _somebody_waits():
    with database.engine.connect() as connection:
        waits = text("select exists (select from pg_locks where locktype = 'advisory' and not granted)")
        return connection.execute(waits).scalar_one()


def _until(said, within_s=10):
    ends = time.monotonic() + within_s
    while not said():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_changes_of_one_party_commit_in_the_order_of_their_positions():
    party_id = uuid7()

    assert _committed_around(party_id, party_id) == [1, 2]


def test_a_party_does_not_wait_for_another():
    assert _committed_around(uuid7(), uuid7()) == [2, 1]


def test_control_without_the_lock_a_later_position_is_there_first(monkeypatch):
    assert GUARD in str(changes.RECORD)
    monkeypatch.setattr(changes, "RECORD", text(str(changes.RECORD).replace(GUARD, "select 1")))
    party_id = uuid7()

    assert _committed_around(party_id, party_id) == [2, 1]


def test_a_change_is_noted_once():
    party_id, message_id = uuid7(), uuid7()
    told = {"party_id": party_id, "message_id": message_id, "cause": "x", "occurred_at": NOW, "at": NOW}

    with Transaction() as session:
        positions = [changes.record(session, **told) for _ in range(2)]

    assert positions[0] is not None and positions[1] is None
