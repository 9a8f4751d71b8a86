"""A registration with everyone and everything it concerns: what its messages say."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.events.agenda import occasion
from services.events.settings import current
from shared import links
from shared.messages import seal

PURPOSE = "registration"

READ = text(
    """
    select r.id, r.seats, r.locale, r.email as typed_email, r.link_version, g.person_id,
           party_of(g.id) as party_id, p.version,
           coalesce(nullif(p.given_name, ''), g.given_name) as given_name,
           coalesce(nullif(p.family_name, ''), g.family_name) as family_name,
           coalesce(p.email, g.email) as known_email,
           (select json_agg(json_build_object('given_name', a.given_name, 'family_name', a.family_name)
                            order by a.position) from attendees a where a.registration_id = r.id) as attendees
    from registrations r join registrants g on g.id = r.registrant_id
    left join registrants p on p.id = g.person_id
    where r.id = any(:ids) order by r.id
    """
)


@dataclass(frozen=True, kw_only=True)
class Booking:
    """Seats, who takes them, and how to write to them."""

    id: UUID
    party_id: UUID
    """Whom the registrant counts as: the person, after all merges; a guest counts as themselves."""
    person_id: UUID | None
    seats: int
    locale: str
    typed_email: str | None
    known_email: str | None
    given_name: str
    family_name: str
    version: int | None
    link_version: int
    attendees: list[dict[str, str]]

    def said(self, event: Any, *, with_online: bool) -> dict[str, Any]:
        """What every message about this registration says; to a cancelled one, not where to join."""
        return occasion(event) | {
            "registration_id": self.id,
            "party_id": self.party_id,
            "person_id": self.party_id if self.person_id else None,
            "seats": self.seats,
            "contact": self._contact(event.online_url if with_online else None),
        }

    def _contact(self, online_url: str | None) -> dict[str, Any] | None:
        """Whom to write to, with the sealed addresses that are theirs; None when no address is known."""
        email = self.typed_email or self.known_email
        if email is None:
            return None
        key = current().message_key
        return {
            "party_id": self.party_id,
            "person_id": self.party_id if self.person_id else None,
            "email": email,
            "given_name": self.given_name or self.attendees[0]["given_name"],
            "family_name": self.family_name or self.attendees[0]["family_name"],
            "locale": self.locale,
            "typed": self.typed_email is not None,
            "card_version": self.version or 0,
            "attendees": self.attendees,
            "link": seal(address(self.id, self.link_version), key),
            "online_url": seal(online_url, key) if online_url else None,
        }


def read(session: Session, ids: Iterable[UUID]) -> list[Booking]:
    """The registrations of these ids, in their order, with everyone they concern."""
    return [Booking(**row) for row in session.execute(READ, {"ids": list(ids)}).mappings()]


def token(registration_id: UUID, link_version: int) -> str:
    """What opens the registrant's own page."""
    return links.sign(PURPOSE, registration_id, link_version, key=current().link_key)


def address(registration_id: UUID, link_version: int) -> str:
    """Address of the registrant's own page: a secret, sealed wherever it travels in a message."""
    return f"{current().public_url.rstrip('/')}/l/{PURPOSE}/{token(registration_id, link_version)}"
