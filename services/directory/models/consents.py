"""What a person allows: per purpose and channel, dated facts with the words shown and their source."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from services.directory.models.base import Base
from shared.db import Id, Instant

CHANNELS = ("email", "post", "phone")
PURPOSES = {
    "news": "objection",
    "appeals": "objection",
    "invitations": "objection",
    "commercial": "consent",
    "partners": "consent",
    "photo": "consent",
}
"""What the school may want to use data for, and on which legal basis. `objection`: allowed once the
person was informed, until they object. `consent`: allowed only after a yes; never asked is not yes
(GDPR articles 6 and 21)."""
OBJECTION_PURPOSES = tuple(code for code, basis in PURPOSES.items() if basis == "objection")


class Consent(Base):
    """A person said yes or no to one purpose: `no` is an objection or a refusal, `yes` a consent or the
    lifting of an objection. Never changed: the latest word counts. `channel` null means every channel.
    """

    __tablename__ = "consents"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    channel: Mapped[str | None]
    said: Mapped[str]
    wording: Mapped[str]
    source: Mapped[str]
    said_at: Mapped[Instant]
    recorded_by: Mapped[uuid.UUID | None]
    recorded_at: Mapped[Instant] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("said in ('yes', 'no')", name="said"),
        CheckConstraint("channel in ('email', 'post', 'phone')", name="channel"),
        Index("ix_consents_person_id", "person_id", "purpose"),
        {"info": {"append_only": True}},
    )


def allowed(consents: list[Consent], *, informed: bool, channel: str = "email") -> dict[str, bool]:
    """For each purpose, whether the person may be reached for it by `channel`."""
    last: dict[str, str] = {}
    for consent in sorted(consents, key=lambda each: (each.said_at, each.id)):
        if consent.channel in (None, channel):
            last[consent.purpose] = consent.said
    return {
        purpose: informed and last.get(purpose) != "no"
        if basis == "objection"
        else last.get(purpose) == "yes"
        for purpose, basis in PURPOSES.items()
    }
