"""Donors: replicas of the directory's people, guests, and who counts as whom."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving.models import Donation, Donor, ReceiptCase
from services.giving.settings import current
from shared.bodies import FieldsRefused
from shared.db import uuid7
from shared.messages import DonorAttached, PersonCard, email_mark
from shared.names import fold
from shared.outbox import publish

# ix_donors_marks, which holds no guest: nothing grows with what was given.
OWNERS = text(
    "select distinct party_of(id) from donors where verified @> array[:mark] and verified <> '{}' limit 2"
)


def giver(
    session: Session,
    *,
    person_id: UUID | None,
    given_name: str | None,
    family_name: str | None,
    email: str | None,
    locale: str,
    at: datetime,
) -> Donor:
    """The donor of a new gift: the signed-in person, or a guest under the address and name just typed."""
    if person_id is not None:
        return _person(session, person_id, email=email, at=at)
    typed = {"given_name": given_name, "family_name": family_name, "email": email}
    if missing := [name for name, value in typed.items() if not value]:
        raise FieldsRefused({name: ["Missing data for required field."] for name in missing})
    return guest(session, given_name or "", family_name or "", email or "", locale=locale, at=at)


def _person(session: Session, person_id: UUID, *, email: str | None, at: datetime) -> Donor:
    """The replica of a person; one whose card has not come yet gets a row of version 0."""
    session.execute(_new(id=person_id, person_id=person_id, created_at=at).on_conflict_do_nothing())
    person = session.execute(select(Donor).where(Donor.id == person_id)).scalar_one()
    if not (email or person.email):
        raise FieldsRefused({"email": ["Missing data for required field."]})
    return person


def guest(
    session: Session, given_name: str, family_name: str, email: str, *, locale: str, at: datetime
) -> Donor:
    """The guest behind an address and a name. Whose verified address it is, their guest it becomes."""
    key, mark = fold(f"{given_name} {family_name}"), email_mark(email, current().email_key)
    session.execute(
        _new(
            id=uuid7(),
            given_name=given_name,
            family_name=family_name,
            email=email,
            email_mark=mark,
            locale=locale,
            name_key=key,
            search=_search(given_name, family_name, email),
            created_at=at,
        ).on_conflict_do_nothing()
    )
    known = select(Donor).where(Donor.email_mark == mark, Donor.name_key == key, Donor.erased_at.is_(None))
    guest = session.execute(known.where(Donor.id.is_distinct_from(Donor.person_id))).scalar_one()
    if guest.person_id is None and (owner := _verified_by(session, mark)):
        attach(session, guest, person_id=owner, at=at)
    return guest


def _verified_by(session: Session, mark: str) -> UUID | None:
    """The one person whose card has this address verified; two would be a doubt, which attaches nobody."""
    people = session.execute(OWNERS, {"mark": mark}).scalars().all()
    return people[0] if len(people) == 1 else None


def _new(**values: Any) -> Any:
    return insert(Donor).values(**values)


def hear(session: Session, card: PersonCard, *, at: datetime) -> bool:
    """Keep the replica at the card's version; False when the replica is as new already."""
    merged_before = session.execute(
        select(Donor.merged_into).where(Donor.id == card.person_id).with_for_update()
    ).scalar_one_or_none()
    take = forget if card.erased else _keep
    if not take(session, card, at=at):
        return False
    for guest in _guests_of(session, card.verified or ()):
        attach(session, guest, person_id=card.person_id, at=at)
    if card.merged_into != merged_before:
        recount(
            session, {card.person_id, card.merged_into or card.person_id, merged_before or card.person_id}
        )
    return True


def _keep(session: Session, card: PersonCard, *, at: datetime) -> bool:
    given, family, email = card.given_name or "", card.family_name or "", card.email
    values = {
        "version": card.version,
        "merged_into": card.merged_into,
        "given_name": given,
        "family_name": family,
        "class_year": card.class_year,
        "email": email,
        "verified": list(card.verified or ()),
        "locale": card.locale or "fr",
        "status": card.status or "living",
        "contactable": bool(card.contactable),
        "search": _search(given, family, email),
    }
    return _guarded(session, card.person_id, values, at=at)


def forget(session: Session, tombstone: PersonCard, *, at: datetime) -> bool:
    """The tombstone of a person: id and version stay, and the gifts without a name."""
    person_id = tombstone.person_id
    blank = {
        "version": tombstone.version,
        "merged_into": None,
        "given_name": "",
        "family_name": "",
        "class_year": None,
        "email": None,
        "verified": [],
        "locale": "fr",
        "status": "living",
        "contactable": False,
        "search": "",
        "erased_at": at,
    }
    if not _guarded(session, person_id, blank, at=at):
        return False
    theirs = select(Donor.id).where(Donor.person_id == person_id)
    guests = update(Donor).where(Donor.person_id == person_id, Donor.id != person_id)
    session.execute(
        guests.values(
            given_name="",
            family_name="",
            email=None,
            email_mark=None,
            locale="fr",
            name_key="",
            search="",
            erased_at=at,
        )
    )
    gifts = update(Donation).where(Donation.donor_id.in_(theirs))
    session.execute(gifts.values(email=None, message=None, receipt_to=None))
    given = select(Donation.id).where(Donation.donor_id.in_(theirs))
    waiting = update(ReceiptCase).where(ReceiptCase.donation_id.in_(given), ReceiptCase.receipt_id.is_(None))
    session.execute(waiting.values(look_at=at))
    return True


def _guarded(session: Session, person_id: UUID, values: dict[str, Any], *, at: datetime) -> bool:
    """Write the replica unless it is as new already: the version guards, so no inbox row is needed."""
    statement = _new(id=person_id, person_id=person_id, created_at=at, **values)
    newer = statement.on_conflict_do_update(
        index_elements=["id"], set_=values, where=Donor.version < statement.excluded.version
    )
    return session.execute(newer.returning(Donor.id)).scalar_one_or_none() is not None


def _guests_of(session: Session, marks: Iterable[str]) -> list[Donor]:
    """Locked in the order of their ids: two cards never hold what the other waits for."""
    waiting = select(Donor).where(Donor.email_mark.in_(list(marks)), Donor.person_id.is_(None))
    return list(session.execute(waiting.order_by(Donor.id).with_for_update()).scalars())


def attach(session: Session, guest: Donor, *, person_id: UUID, at: datetime) -> None:
    """A guest's gifts belong to a person from now on: the address they typed is verified in the card."""
    guest.person_id, guest.attached_at = person_id, at
    session.flush()
    publish(session, DonorAttached(party_id=guest.id, person_id=person_id, attached_at=at))
    recount(session, {person_id, guest.id})


CANONICAL = text("select party_of(:person_id)")


def canonical(session: Session, person_id: UUID) -> UUID:
    """The person that this one counts as, after all merges."""
    found = session.execute(CANONICAL, {"person_id": person_id}).scalar_one_or_none()
    return found or person_id


def rows_of(session: Session, person_id: UUID) -> list[UUID]:
    """The donor rows that count as this person: their replica, those merged into it, their guests."""
    family = session.execute(FAMILY, {"ids": [person_id]}).scalars().all()
    own = select(Donor.id).where(or_(Donor.id.in_(family), Donor.person_id.in_(family)))
    party = canonical(session, person_id)
    return list(session.execute(own.where(func.party_of(Donor.id) == party)).scalars())


FAMILY = text(
    """
    with recursive family (id) as (
      select unnest(cast(:ids as uuid[]))
      union
      select case when d.id = f.id then d.merged_into else d.id end
      from family f join donors d on (d.id = f.id and d.merged_into is not null) or d.merged_into = f.id
    )
    select id from family
    """
)
"""Every person connected by merges, whatever the direction."""

UNCOUNT = text(
    "delete from campaign_donors where party_id = any(:parties) returning campaign_id, donations_count"
)

COUNT_AGAIN = text(
    """
    insert into campaign_donors (campaign_id, party_id, donations_count, first_at)
    select campaign_id, party_of(donor_id), count(*), min(settled_at) from donations
    where donor_id = any(:donors) and settled_at is not null and refunded_at is null group by 1, 2
    returning campaign_id
    """
)

MOVE_COUNT = text(
    "update campaign_totals set donors_count = donors_count + :difference where campaign_id = :campaign_id"
)


def recount(session: Session, ids: set[UUID]) -> None:
    """Count the donors of each campaign again where these people gave: they now count as others.

    Their donor rows are locked first, as settling does, so that no gift is counted under both.
    """
    family = set(session.execute(FAMILY, {"ids": list(ids)}).scalars()) | ids
    rows = select(Donor.id).where(or_(Donor.id.in_(family), Donor.person_id.in_(family)))
    donors = list(session.execute(rows.order_by(Donor.id).with_for_update(key_share=True)).scalars())
    before = session.execute(UNCOUNT, {"parties": list(family | set(donors))}).all()
    after = session.execute(COUNT_AGAIN, {"donors": donors}).scalars().all()
    difference: dict[UUID, int] = {}
    for campaign_id, count in before:
        difference[campaign_id] = difference.get(campaign_id, 0) - (count > 0)
    for campaign_id in after:
        difference[campaign_id] = difference.get(campaign_id, 0) + 1
    for campaign_id, change in sorted(difference.items()):
        if change:
            session.execute(MOVE_COUNT, {"campaign_id": campaign_id, "difference": change})


def forget_unused_guests(session: Session, *, before: datetime) -> int:
    """Delete guests who never gave: what they typed was for a gift that did not come."""
    gave = select(Donation.id).where(Donation.donor_id == Donor.id).exists()
    unused = delete(Donor).where(Donor.id.is_distinct_from(Donor.person_id), Donor.created_at < before, ~gave)
    return len(session.execute(unused.returning(Donor.id)).all())


def _search(given_name: str, family_name: str, email: str | None) -> str:
    return fold(f"{given_name} {family_name} {email or ''}")
