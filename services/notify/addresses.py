"""Addresses: where an email to a party goes, and when it must not go."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.notify.models import Email, Recipient
from services.notify.parties import resolve

WRITABLE = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\],;:\\\"@]{1,64}@[^\s\x00-\x1f\x7f<>()\[\],;:\\\"@]{1,253}")


@dataclass(frozen=True)
class Destination:
    """An address and how to speak to who reads it; `withheld` names the status when there is none to use."""

    address: str | None
    given_name: str = ""
    family_name: str = ""
    locale: str = "fr"
    typed: bool = False
    withheld: str | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """Given and family name, as far as known."""
        return f"{self.given_name} {self.family_name}".strip()


def choose(session: Session, *, contact: Mapping[str, Any] | None, person_id: UUID | None) -> Destination:
    """An address typed for this act stands as it is; otherwise the newest that is known.

    The replica's address wins when its card is newer than the message's, or when the person was merged
    into another. Without a contact block the replica decides, else staff do (`unsure`).
    """
    person = _person(session, person_id)
    if person is not None and person.erased_at is not None:
        return Destination(None, withheld="suppressed", reason="erased")
    if contact is not None and (contact["typed"] or person is None):
        return _checked(_as_told(contact))
    if person is None:
        return Destination(None, withheld="unsure", reason="no address known")
    if person.status == "died":
        return Destination(None, withheld="suppressed", reason="died")
    newer = contact is None or person.person_id != person_id or person.version > contact["card_version"]
    return _checked(_as_replicated(person) if newer or contact is None else _as_told(contact))


def forbidden(session: Session, email: Email) -> str | None:
    """Why an email that was queued must not leave any more: asked again at the moment of sending."""
    person = _person(session, email.party_id)
    if person is not None and person.erased_at is not None:
        return "erased"
    if person is not None and person.status == "died" and not email.typed:
        return "died"
    return None


def _person(session: Session, person_id: UUID | None) -> Recipient | None:
    return session.get(Recipient, resolve(session, person_id)) if person_id else None


def _as_told(contact: Mapping[str, Any]) -> Destination:
    return Destination(
        contact["email"].strip(),
        contact["given_name"].strip(),
        contact["family_name"].strip(),
        contact["locale"],
        contact["typed"],
    )


def _as_replicated(person: Recipient) -> Destination:
    names = person.given_name, person.family_name, person.locale
    if not person.email:
        return Destination(None, *names, withheld="unsure", reason="the person's card has no address")
    return Destination(person.email, *names)


def _checked(to: Destination) -> Destination:
    if to.withheld is None and not WRITABLE.fullmatch(to.address or ""):
        return Destination(
            None,
            to.given_name,
            to.family_name,
            to.locale,
            withheld="unsure",
            reason="the address cannot be written to",
        )
    return to
