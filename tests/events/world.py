"""A small world for tests: events at any state, cards of people."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.events import consumers, drafts, publications
from services.events.models import Transaction
from services.events.settings import current
from shared.messages import PersonCard, email_mark

NOW = datetime.now(UTC).replace(microsecond=0)
WORDS = {"fr": "Une soirée", "en": "An evening"}
BEGUN = {
    "title": WORDS,
    "summary": WORDS,
    "description": WORDS,
    "time_zone": "Europe/Paris",
    "place": "Grand amphithéâtre, Valmont",
    "online_url": None,
    "organiser": "",
    "visibility": "public",
    "picture": "",
    "per_registration_max": 4,
    "registration_closes_at": None,
    "withdraw_until": None,
}


def draft(**words: Any) -> UUID:
    """A draft that begins in ten days; its id."""
    begins = words.pop("starts_at", NOW + timedelta(days=10))
    times = {"starts_at": begins, "ends_at": words.pop("ends_at", begins + timedelta(hours=3))}
    with Transaction() as session:
        values = {"slug": f"soiree-{uuid4().hex[:8]}", **BEGUN, **times, **words}
        return drafts.draft(session, by=None, at=NOW, **values).id


def event(*, at: datetime | None = None, **words: Any) -> UUID:
    """A published event; `at` is when it was, for one that lies in the past."""
    event_id = draft(**words)
    with Transaction() as session:
        publications.publish(session, event_id, by=None, at=at or NOW)
    return event_id


def moved(event_id: UUID, **schedule: Any) -> None:
    """The event takes place a day later, or as told."""
    begins = schedule.pop("starts_at", NOW + timedelta(days=11))
    told = {
        "starts_at": begins,
        "ends_at": begins + timedelta(hours=3),
        **{name: BEGUN[name] for name in ("time_zone", "place", "online_url")},
        **schedule,
    }
    with Transaction() as session:
        publications.reschedule(session, event_id, by=None, at=datetime.now(UTC), **told)


def called_off(event_id: UUID, reason: dict[str, str] | None = None) -> None:
    """The event will not take place."""
    with Transaction() as session:
        publications.cancel(session, event_id, by=None, at=datetime.now(UTC), reason=reason)


def card(
    person_id: UUID | None = None, *, version: int = 1, verified: tuple[str, ...] = (), **more: Any
) -> UUID:
    """A person's card, heard."""
    told = {
        "person_id": person_id or uuid4(),
        "version": version,
        "given_name": "Anne",
        "family_name": "Roux",
        "email": "anne@example.org",
        "locale": "fr",
        "status": "living",
        "verified": [mark(each) for each in verified],
        **more,
    }
    with Transaction() as session:
        consumers.person_card(session, PersonCard(**told))
    return UUID(str(told["person_id"]))


def tombstone(person_id: UUID, *, version: int) -> None:
    """The person was erased."""
    with Transaction() as session:
        consumers.person_card(session, PersonCard.tombstone(person_id, version))


def mark(email: str) -> str:
    """What a card says of a verified address."""
    return email_mark(email, current().email_key)
