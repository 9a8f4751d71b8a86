"""Memories: what we may have written about a party in a CRM, so that another hand is recognised there.

Marks are noted before anything leaves: a write whose answer was lost is remembered as ours all the same.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.notify import parties
from services.notify.connectors import Clash, Memory
from services.notify.connectors.civicrm import records
from services.notify.models import CrmMemory
from services.notify.settings import NotifySettings


def key(settings: NotifySettings) -> str:
    """The key of the marks."""
    return f"crm marks {settings.message_key}"


def prepare(
    session: Session, *, subscription_id: UUID, party_id: UUID, state: dict[str, Any], key: str
) -> Memory:
    """Note what will perhaps be written; what is known of everybody whom the party stands for."""
    memory = held(session, subscription_id, party_id)
    memory.written = _joined(
        memory.written,
        {
            record: {name: [mark] for name, mark in fields.items()}
            for record, fields in records.marks(state, key).items()
        },
    )
    session.flush()
    known = select(CrmMemory).where(
        CrmMemory.subscription_id == subscription_id, CrmMemory.party_id.in_(parties.ids(session, party_id))
    )
    written: dict[str, Any] = memory.written
    for other in session.execute(known).scalars():
        gifts = {record: fields for record, fields in other.written.items() if record != records.CONTACT}
        written = _joined(written, gifts)
    return Memory(written, memory.kept)


def held(session: Session, subscription_id: UUID, party_id: UUID) -> CrmMemory:
    """The memory of one party, locked; made when there is none."""
    found = {"subscription_id": subscription_id, "party_id": party_id}
    empty: dict[str, Any] = {"written": {}, "kept": {}}
    session.execute(insert(CrmMemory).values(**found, **empty).on_conflict_do_nothing())
    one = select(CrmMemory).filter_by(**found).with_for_update().execution_options(populate_existing=True)
    return session.execute(one).scalar_one()


def learn(
    session: Session,
    *,
    subscription_id: UUID,
    party_id: UUID,
    state: dict[str, Any],
    clashes: tuple[Clash, ...],
    key: str,
) -> None:
    """All of it arrived, but what clashed: from now on only this is ours over there."""
    if state["erased"]:
        forget(session, subscription_id, party_id)
        return
    memory = held(session, subscription_id, party_id)
    clashed = {(clash.record, clash.field) for clash in clashes}
    written = {record: dict(fields) for record, fields in memory.written.items()}
    for record, marks in records.marks(state, key).items():
        for name, mark in marks.items():
            if (record, name) not in clashed and mark not in memory.kept.get(record, {}).get(name, ()):
                written.setdefault(record, {})[name] = [mark]
    memory.written = written


def keep(
    session: Session, *, subscription_id: UUID, party_id: UUID, place: tuple[str, str], mark: str
) -> None:
    """Staff left what is over there: this value of ours is not written."""
    memory = held(session, subscription_id, party_id)
    memory.kept = _joined(memory.kept, {place[0]: {place[1]: [mark]}})


def unkeep(
    session: Session, *, subscription_id: UUID, party_id: UUID, place: tuple[str, str], mark: str
) -> None:
    """As if it had never been kept."""
    memory = held(session, subscription_id, party_id)
    memory.kept = _without(memory.kept, place, mark)


def admit(
    session: Session, *, subscription_id: UUID, party_id: UUID, place: tuple[str, str], mark: str
) -> None:
    """What is over there may be overwritten as if we had written it."""
    memory = held(session, subscription_id, party_id)
    memory.written = _joined(memory.written, {place[0]: {place[1]: [mark]}})


def disown(
    session: Session, *, subscription_id: UUID, party_id: UUID, place: tuple[str, str], mark: str
) -> None:
    """What is over there is another hand's again."""
    memory = held(session, subscription_id, party_id)
    memory.written = _without(memory.written, place, mark)


def forget(session: Session, subscription_id: UUID, party_id: UUID) -> None:
    """Nothing is remembered of an erased person."""
    session.execute(
        delete(CrmMemory).where(CrmMemory.subscription_id == subscription_id, CrmMemory.party_id == party_id)
    )


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    joined = {record: dict(fields) for record, fields in one.items()}
    for record, fields in other.items():
        for name, marks in fields.items():
            before = joined.setdefault(record, {}).get(name, [])
            joined[record][name] = [*before, *(mark for mark in marks if mark not in before)]
    return joined


def _without(one: dict[str, Any], place: tuple[str, str], mark: str) -> dict[str, Any]:
    record, name = place
    fields = dict(one.get(record, {}))
    fields[name] = [each for each in fields.get(name, []) if each != mark]
    return {**one, record: fields}
