"""Parties: who an id stands for, through merges and attachments, and their state as other systems see it."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.notify.models import CrmChange, Gift, Guest, Recipient, Registration

GIFTS_MAX = 100
"""So many of the newest are named one by one, registrations too, unless more are asked for; the sums count
them all."""

ROOT = """
with recursive
started(id) as (select coalesce((select person_id from guests where party_id = :id), cast(:id as uuid))),
chain(id, next, depth) as (
  select s.id, (select merged_into from recipients where person_id = s.id), 0 from started s
  union all
  select c.next, (select merged_into from recipients where person_id = c.next), c.depth + 1
  from chain c where c.next is not null and c.depth < 50),
root(id) as (select id from chain order by depth desc limit 1)
"""
"""Whom an id stands for: the person a guest turned out to be, then `merged_into`, by primary keys. The
directory refuses cycles; the depth ends one all the same."""

FAMILY = """,
family(id, depth) as (
  select id, 0 from root
  union
  select r.person_id, f.depth + 1 from family f join recipients r on r.merged_into = f.id where f.depth < 50),
everyone(id) as (
  select id from family union select g.party_id from guests g join family f on g.person_id = f.id)
"""
"""Every id that stands for the same, by ix_recipients_merged_into and ix_guests_person_id."""

RESOLVE = text(f"{ROOT} select id from root")
IDS = text(f"{ROOT}{FAMILY} select id from everyone")
KNOWN = text(f"{ROOT}{FAMILY} select exists (select from crm_changes c join everyone e on e.id = c.party_id)")


def resolve(session: Session, party_id: UUID) -> UUID:
    """The party to speak of instead of this one: the person a guest turned out to be, then the survivor."""
    found: UUID = session.execute(RESOLVE, {"id": party_id}).scalar_one()
    return found


def ids(session: Session, party_id: UUID) -> list[UUID]:
    """Every id under which facts of this party were written."""
    return list(session.execute(IDS, {"id": party_id}).scalars())


def is_known(session: Session, party_id: UUID) -> bool:
    """Whether the systems around us have heard of this party."""
    return bool(session.execute(KNOWN, {"id": party_id}).scalar_one())


def state(session: Session, party_id: UUID, *, gifts_max: int | None = GIFTS_MAX) -> dict[str, Any]:
    """All that another system may know of a party now, as JSON; `sequence` says which changes it includes.

    The sequence is read first, so that the state is never older than it says.
    """
    latest = select(func.max(CrmChange.position)).where(CrmChange.party_id == party_id)
    sequence = session.execute(latest).scalar_one() or 0
    stands_for = resolve(session, party_id)
    person = session.get(Recipient, stands_for)
    if person is not None and person.erased_at is not None:
        return _base(party_id, sequence) | {"erased": True}
    if stands_for != party_id:
        return _base(party_id, sequence) | {"merged_into": str(stands_for)}
    who = _person(person) if person is not None else _guest(session.get(Guest, party_id))
    known_as = ids(session, party_id)
    registrations = {"registrations": _registrations(session, known_as, gifts_max)}
    return _base(party_id, sequence) | who | _giving(session, known_as, gifts_max) | registrations


def _base(party_id: UUID, sequence: int) -> dict[str, Any]:
    return {"party_id": str(party_id), "sequence": sequence, "erased": False, "merged_into": None}


def _person(person: Recipient) -> dict[str, Any]:
    return {
        "person_id": str(person.person_id),
        "given_name": person.given_name,
        "family_name": person.family_name,
        "email": person.email if person.contactable else None,
        "locale": person.locale,
        "class_year": person.class_year,
        "status": person.status,
        "contactable": person.contactable and person.status == "living",
    }


def _guest(guest: Guest | None) -> dict[str, Any]:
    return {
        "person_id": None,
        "given_name": guest.given_name if guest else "",
        "family_name": guest.family_name if guest else "",
        "email": guest.email if guest else None,
        "locale": guest.locale if guest else "fr",
        "class_year": None,
        "status": "living",
        "contactable": False,
    }


def _giving(session: Session, party_ids: list[UUID], gifts_max: int | None) -> dict[str, Any]:
    gifts = session.execute(
        select(Gift)
        .where(Gift.party_id.in_(party_ids), Gift.settled_at.is_not(None))
        .order_by(Gift.settled_at.desc(), Gift.donation_id)
    ).scalars()
    told = [_gift(each) for each in gifts]
    totals: dict[str, dict[str, Any]] = {}
    for each in told:
        sums = totals.setdefault(
            each["currency"],
            {"given_minor": 0, "refunded_minor": 0, "disputed_minor": 0, "donations_count": 0},
        )
        gone = each["refunded_minor"] + each["disputed_minor"]
        sums["given_minor"] += max(each["amount_minor"] - gone, 0)
        sums["refunded_minor"] += each["refunded_minor"]
        sums["disputed_minor"] += each["disputed_minor"]
        sums["donations_count"] += 1
        sums.setdefault("latest_at", each["settled_at"])
        sums["first_at"] = each["settled_at"]
    giving = [{"currency": currency, **sums} for currency, sums in sorted(totals.items())]
    return {"giving": giving, "donations": told[:gifts_max]}


def _gift(gift: Gift) -> dict[str, Any]:
    assert gift.settled_at is not None
    return {
        "donation_id": str(gift.donation_id),
        "campaign_id": str(gift.campaign_id),
        "campaign_title": {"fr": gift.campaign_title_fr, "en": gift.campaign_title_en},
        "entity_name": gift.entity_name,
        "amount_minor": gift.amount_minor,
        "currency": gift.currency,
        "status": gift.status,
        "refunded_minor": gift.refunded_minor,
        "disputed_minor": gift.disputed_minor,
        "settled_at": gift.settled_at.isoformat(),
        "refunded_at": gift.refunded_at.isoformat() if gift.refunded_at else None,
    }


def _registrations(session: Session, party_ids: list[UUID], most: int | None) -> list[dict[str, Any]]:
    """The latest, by when the event takes place."""
    found = (
        select(Registration)
        .where(Registration.party_id.in_(party_ids), Registration.confirmed_at.is_not(None))
        .order_by(Registration.starts_at.desc(), Registration.registration_id)
        .limit(most)
    )
    return [_registration(each) for each in session.execute(found).scalars()]


def _registration(registration: Registration) -> dict[str, Any]:
    assert registration.confirmed_at is not None
    return {
        "registration_id": str(registration.registration_id),
        "event_id": str(registration.event_id),
        "event_title": registration.event_title,
        "starts_at": registration.starts_at.isoformat(),
        "ends_at": registration.ends_at.isoformat(),
        "time_zone": registration.time_zone,
        "place": registration.place,
        "seats": registration.seats,
        "status": registration.status,
        "confirmed_at": registration.confirmed_at.isoformat(),
        "cancelled_at": registration.cancelled_at.isoformat() if registration.cancelled_at else None,
    }


def occasions(session: Session, event_ids: set[str]) -> dict[str, dict[str, Any]]:
    """What and when these events are by the latest that anybody was told: a date by its revision, and a title
    that was corrected since by whoever registered or gave back last. By ix_registrations_event_id."""
    told_at = func.greatest(Registration.confirmed_at, Registration.cancelled_at)
    found = (
        select(Registration)
        .where(Registration.event_id.in_([UUID(each) for each in event_ids]))
        .ext(distinct_on(Registration.event_id))
        .order_by(Registration.event_id, Registration.revision.desc(), told_at.desc().nulls_last())
    )
    return {
        str(each.event_id): {
            "title": each.event_title,
            "starts_at": each.starts_at.isoformat(),
            "ends_at": each.ends_at.isoformat(),
            "time_zone": each.time_zone,
        }
        for each in session.execute(found).scalars()
    }
