"""Registration letters: what the emails about a registration say, their secrets, and their calendar file."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.notify import addresses, emails
from services.notify.models import Registration
from services.notify.settings import NotifySettings
from shared.i18n import format_occasion, words
from shared.messages import RegistrationCancelled, RegistrationConfirmed, RegistrationRescheduled

AnyRegistration = RegistrationConfirmed | RegistrationRescheduled | RegistrationCancelled


def write(
    session: Session,
    message: AnyRegistration,
    kept: Registration,
    template: str,
    party_id: UUID,
    *,
    occurred_at: datetime,
    at: datetime,
    settings: NotifySettings,
) -> None:
    """Queue the email of this template to whoever the registration concerns."""
    known_as = party_id if party_id != message.party_id else None
    to = addresses.choose(session, contact=message.contact, person_id=message.person_id or known_as)
    secrets = _secrets(message)
    told = _facts(message, kept, to.locale, settings)
    emails.queue(
        session,
        message=message,
        template=template,
        to=to,
        party_id=message.party_id,
        facts={name: fact for name, fact in told.items() if name not in secrets},
        secrets=secrets,
        secrets_until=kept.ends_at,
        calendar=_calendar(kept, to.locale, settings, changed_at=occurred_at),
        occurred_at=occurred_at,
        useful_until=kept.ends_at,
        at=at,
        settings=settings,
    )


def _secrets(message: AnyRegistration) -> dict[str, str]:
    """The sealed addresses by the names that letters know them under."""
    contact: dict[str, Any] = message.contact or {}
    sealed = {"registration_url": contact.get("link"), "online_url": contact.get("online_url")}
    return {name: value for name, value in sealed.items() if value}


def _facts(
    message: AnyRegistration, kept: Registration, locale: str, settings: NotifySettings
) -> dict[str, Any]:
    attendees = message.contact["attendees"] if message.contact else []
    names = [f"{each['given_name']} {each['family_name']}".strip() for each in attendees]
    return {
        "event": words(kept.event_title, locale),
        "event_url": f"{settings.public_url}/events/{kept.event_slug}",
        "when": format_occasion(kept.starts_at, kept.ends_at, kept.time_zone, locale),
        "place": kept.place,
        "people": names,
        "seats": message.seats,
        "registration_url": "",
        "online_url": "",
        "reference": str(message.registration_id),
        "reason": getattr(message, "reason", ""),
        "note": words(getattr(message, "note", None) or {}, locale),
    }


def _calendar(
    kept: Registration, locale: str, settings: NotifySettings, *, changed_at: datetime
) -> dict[str, Any]:
    """What the calendar file says; its id is the registration's, and each later one replaces it."""
    gone = kept.cancelled_at is not None
    return {
        "subject": str(kept.registration_id),
        "revision": kept.revision,
        "title": words(kept.event_title, locale),
        "starts_at": kept.starts_at.isoformat(),
        "ends_at": kept.ends_at.isoformat(),
        "time_zone": kept.time_zone,
        "place": kept.place,
        "url": f"{settings.public_url}/events/{kept.event_slug}",
        "changed_at": changed_at.isoformat(),
        "is_cancelled": gone,
    }
