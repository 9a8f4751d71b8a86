"""Recipients: the replica of `amicale.people`, and what follows when a card changes or goes away."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from services.notify import changes, parties
from services.notify.models import (
    CrmConflict,
    CrmDifference,
    Delivery,
    Email,
    Gift,
    Guest,
    Registration,
    TimelineEntry,
)
from shared.messages import PersonCard

EMPTY: dict[str, Any] = {
    "merged_into": None,
    "erased_at": None,
    "given_name": "",
    "family_name": "",
    "email": None,
    "locale": "fr",
    "class_year": None,
    "status": "living",
    "contactable": False,
}

KEEP = text(
    f"""
insert into recipients (person_id, version, {", ".join(EMPTY)})
values (:person_id, :version, :{", :".join(EMPTY)})
on conflict (person_id) do update set version = excluded.version,
  {", ".join(f"{name} = excluded.{name}" for name in EMPTY)}
where recipients.version < excluded.version
returning old.merged_into,
  old is null or ({", ".join(f"old.{name}" for name in EMPTY)})
    is distinct from ({", ".join(f"new.{name}" for name in EMPTY)}) as differs
"""
)


def keep(session: Session, card: PersonCard, *, at: datetime) -> bool:
    """Take over a card unless a newer one is known; whether it was taken.

    After a tombstone nothing stays but id and version, and no older card brings anybody back.
    """
    values = EMPTY | {"erased_at": at} if card.erased else _values(card)
    told = {"person_id": card.person_id, "version": card.version, **values}
    before = session.execute(KEEP, told).one_or_none()
    if before is None:
        return False
    session.expire_all()
    if before.differs:
        _tell(session, card, survivors={before.merged_into, card.merged_into} - {None}, at=at)
    if card.erased:
        _forget(session, card.person_id)
    return True


def _values(card: PersonCard) -> dict[str, Any]:
    told = {name: getattr(card, name) for name in EMPTY if hasattr(card, name)}
    return EMPTY | {name: value for name, value in told.items() if value is not None}


def _tell(session: Session, card: PersonCard, *, survivors: set[Any], at: datetime) -> None:
    """Other systems hear of people whom they know: not of everybody in the directory."""
    gone: set[UUID] = {card.person_id, *_attached(session, card.person_id)} if card.erased else set()
    for party_id in (card.person_id, *sorted(survivors | gone - {card.person_id})):
        if parties.is_known(session, party_id):
            changes.record(
                session,
                party_id=party_id,
                message_id=uuid5(card.person_id, f"card {card.version}"),
                cause=changes.PERSON_ERASED if party_id in gone else card.type,
                occurred_at=card.occurred_at or at,
                at=at,
            )


def _attached(session: Session, person_id: UUID) -> list[UUID]:
    """The guests that this person turned out to be."""
    return list(session.execute(select(Guest.party_id).where(Guest.person_id == person_id)).scalars())


def _forget(session: Session, person_id: UUID) -> None:
    """Nothing of an erased person stays in emails, story, gifts, registrations, guests, bodies."""
    attached = _attached(session, person_id)
    gone = [person_id, *attached]
    session.execute(
        update(Email)
        .where(Email.party_id.in_(gone))
        .values(
            to_address=None,
            to_name="",
            subject="",
            html="",
            text="",
            facts=None,
            secrets=None,
            calendar=None,
            status=func.replace(func.replace(Email.status, "queued", "suppressed"), "sending", "suppressed"),
        )
    )
    session.execute(update(Delivery).where(Delivery.party_id.in_(gone)).values(body=None))
    session.execute(delete(CrmConflict).where(CrmConflict.party_id.in_(gone)))
    session.execute(delete(CrmDifference).where(CrmDifference.party_id.in_(gone)))
    session.execute(delete(TimelineEntry).where(TimelineEntry.party_id.in_(gone)))
    session.execute(delete(Gift).where(Gift.party_id.in_(gone)))
    session.execute(delete(Registration).where(Registration.party_id.in_(gone)))
    session.execute(
        update(Guest)
        .where(Guest.party_id.in_(attached))
        .values(given_name="", family_name="", email=None, told_at=None)
    )
