"""Guests: parties without a card, as they last spoke of themselves, until they are known to be a person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.notify.models import Guest

TOLD = ("party_id", "given_name", "family_name", "email", "locale")

MEET = text("""
insert into guests (party_id, given_name, family_name, email, locale, told_at)
values (:party_id, :given_name, :family_name, :email, :locale, :told_at)
on conflict (party_id) do update set given_name = excluded.given_name, family_name = excluded.family_name,
  email = excluded.email, locale = excluded.locale, told_at = excluded.told_at
where guests.person_id is null and (guests.told_at is null or guests.told_at < excluded.told_at)
""")


def meet(session: Session, contact: Mapping[str, Any], *, at: datetime) -> None:
    """Keep what a guest typed, unless something newer is known; a person's card says it better."""
    if contact["person_id"] is None:
        session.execute(MEET, {name: contact[name] for name in TOLD} | {"told_at": at})


def attach(session: Session, party_id: UUID, person_id: UUID, *, at: datetime) -> None:
    """The guest is this person: what was written under the guest's id is theirs from now on."""
    statement = insert(Guest).values(party_id=party_id, person_id=person_id, attached_at=at)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["party_id"],
            set_={"person_id": person_id, "attached_at": at},
            where=or_(Guest.attached_at.is_(None), Guest.attached_at < statement.excluded.attached_at),
        )
    )
    session.expire_all()
