"""Registrations: what follows when events tells of one: email with a calendar file, CRM change, story.

In whichever order they are heard: who gave their seats back gets no confirmation any more, and the date that
is told is the latest that is known.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notify import changes, guests, parties, registration_letters, timelines
from services.notify.models import Email, Registration
from services.notify.registration_letters import AnyRegistration
from services.notify.settings import NotifySettings
from shared.messages import (
    RegistrantAttached,
    RegistrationCancelled,
    RegistrationConfirmed,
    RegistrationRescheduled,
)

OVERTAKEN = ("registration_confirmed", "registration_rescheduled")

CANCELLED = {
    "withdrawn": {
        "fr": "A rendu sa place pour «\u00a0{event}\u00a0»",
        "en": "Gave back their place at “{event}”",
    },
    "by_staff": {
        "fr": "Inscription à «\u00a0{event}\u00a0» annulée par l’équipe",
        "en": "Registration for “{event}” cancelled by the office",
    },
    "event_cancelled": {
        "fr": "«\u00a0{event}\u00a0» n’aura pas lieu\u00a0: inscription annulée",
        "en": "“{event}” will not take place: registration cancelled",
    },
}


def confirmed(
    session: Session, message: RegistrationConfirmed, *, settings: NotifySettings, at: datetime
) -> None:
    """The seats are theirs: say so with a calendar file, tell the CRM, and write it in their story."""
    kept = _keep(session, message)
    _follow(
        session,
        message,
        kept,
        template="registration_confirmed" if kept.cancelled_at is None else None,
        kind="registered",
        words={"fr": "S’est inscrit·e à «\u00a0{event}\u00a0»", "en": "Registered for “{event}”"},
        occurred_at=message.confirmed_at,
        at=at,
        settings=settings,
    )


def rescheduled(
    session: Session, message: RegistrationRescheduled, *, settings: NotifySettings, at: datetime
) -> None:
    """Another time or place: the email's calendar file moves what their calendar holds."""
    kept = _keep(session, message)
    is_news = kept.cancelled_at is None and kept.revision == message.revision
    _follow(
        session,
        message,
        kept,
        template="registration_rescheduled" if is_news else None,
        kind="registration_rescheduled",
        words={
            "fr": "Prévenu·e du changement de date ou de lieu de «\u00a0{event}\u00a0»",
            "en": "Told of the new time or place of “{event}”",
        },
        occurred_at=message.rescheduled_at,
        at=at,
        settings=settings,
    )


def cancelled(
    session: Session, message: RegistrationCancelled, *, settings: NotifySettings, at: datetime
) -> None:
    """The seats are free again: say why, and take the event out of their calendar."""
    kept = _keep(session, message)
    _follow(
        session,
        message,
        kept,
        template="registration_cancelled",
        kind="registration_cancelled",
        words=CANCELLED[message.reason],
        occurred_at=message.cancelled_at,
        at=at,
        settings=settings,
    )


def attached(session: Session, message: RegistrantAttached, *, at: datetime) -> None:
    """A guest's registrations are a person's: both states change for the CRM."""
    guests.attach(session, message.party_id, message.person_id, at=message.attached_at)
    for party_id in (message.party_id, parties.resolve(session, message.party_id)):
        changes.record(
            session,
            party_id=party_id,
            message_id=message.message_id,
            cause=message.type,
            occurred_at=message.attached_at,
            at=at,
            correlation_id=message.correlation_id,
        )
    timelines.add(
        session,
        message_id=message.message_id,
        party_id=message.person_id,
        kind="registrant_attached",
        source="events",
        at=message.attached_at,
        words={
            "fr": "Inscriptions faites sans compte reconnues grâce à l’adresse vérifiée",
            "en": "Registrations made without an account recognised by the verified address",
        },
        correlation_id=message.correlation_id,
        ref=str(message.party_id),
    )


LATEST = (
    "event_slug",
    "event_title_fr",
    "event_title_en",
    "starts_at",
    "ends_at",
    "time_zone",
    "place",
    "revision",
)

NEWER = ", ".join(
    f"{x} = case when excluded.revision < r.revision then r.{x} else excluded.{x} end" for x in LATEST
)

KEEP = text(f"""
insert into registrations as r (registration_id, party_id, event_id, seats, {", ".join(LATEST)},
  confirmed_at, cancelled_at, cancel_reason)
values (:registration_id, :party_id, :event_id, :seats, :{", :".join(LATEST)},
  :confirmed_at, :cancelled_at, :reason)
on conflict (registration_id) do update set
  {NEWER},
  seats = excluded.seats,
  confirmed_at = coalesce(r.confirmed_at, excluded.confirmed_at),
  cancelled_at = coalesce(r.cancelled_at, excluded.cancelled_at),
  cancel_reason = coalesce(r.cancel_reason, excluded.cancel_reason)
""")
"""In whichever order it is heard: cancelled is for good, and the highest revision says when and where."""

TOLD = ("registration_id", "party_id", "event_id", "event_slug", "seats")
OCCASION = ("starts_at", "ends_at", "time_zone", "place", "revision")


def _keep(session: Session, message: AnyRegistration) -> Registration:
    """Take over what is told of a registration; as it stands then."""
    values = {name: getattr(message, name) for name in TOLD + OCCASION} | {
        "event_title_fr": message.event_title["fr"],
        "event_title_en": message.event_title["en"],
        "confirmed_at": getattr(message, "confirmed_at", None),
        "cancelled_at": getattr(message, "cancelled_at", None),
        "reason": getattr(message, "reason", None),
    }
    session.execute(KEEP, values)
    session.expire_all()
    return session.get_one(Registration, message.registration_id)


def _follow(
    session: Session,
    message: AnyRegistration,
    kept: Registration,
    *,
    template: str | None,
    kind: str,
    words: dict[str, str],
    occurred_at: datetime,
    at: datetime,
    settings: NotifySettings,
) -> None:
    """Email, unless there is nothing to say any more; CRM change; line of the story."""
    if message.contact is not None:
        guests.meet(session, message.contact, at=occurred_at)
    party_id = parties.resolve(session, message.party_id)
    if template is not None:
        registration_letters.write(
            session, message, kept, template, party_id, occurred_at=occurred_at, at=at, settings=settings
        )
    changes.record(
        session,
        party_id=party_id,
        message_id=message.message_id,
        cause=message.type,
        occurred_at=occurred_at,
        at=at,
        correlation_id=message.correlation_id,
    )
    timelines.add(
        session,
        message_id=message.message_id,
        party_id=message.party_id,
        kind=kind,
        source="events",
        at=occurred_at,
        words={locale: said.format(event=kept.event_title[locale]) for locale, said in words.items()},
        correlation_id=message.correlation_id,
        ref=str(message.registration_id),
    )


def overtaken(session: Session, email: Email) -> str | None:
    """Why an email that waited says what no longer holds: seats given back, or another date since."""
    kept = session.get(Registration, email.correlation_id) if email.template in OVERTAKEN else None
    if kept is not None and kept.cancelled_at is not None:
        return "the registration was cancelled before it could be sent"
    if kept is not None and email.calendar and email.calendar["revision"] < kept.revision:
        return "the event moved again before it could be sent"
    return None
