"""A partner's address that hears of each change of a party, by signed webhook or by its own API."""

from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant
from shared.once import ONCE_KEY, Once

RESTS_AFTER = 5
CHANGED, ERASED = "party.changed", "party.erased"
WEBHOOKS, CIVICRM = "webhooks", "civicrm"


class Subscription(Once, Base):
    """The secret is kept sealed. A signing secret is shown by the answer to the wish that made it alone; an
    API key, which the partner gave us, by none."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("cardinality(types) > 0", name="hears_something"),
        CheckConstraint("connector in ('webhooks', 'civicrm')", name="connector"),
    )

    id: Mapped[Id]
    connector: Mapped[str] = mapped_column(Text, server_default="webhooks")
    url: Mapped[str] = mapped_column(Text)
    types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    secret: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    deleted_at: Mapped[Instant | None]
    resumed_at: Mapped[Instant | None]
    """When it last went on after a pause: what waited meanwhile has its whole patience from then."""
    misses_in_a_row: Mapped[int] = mapped_column(server_default="0")
    rests_until: Mapped[Instant | None]

    def resume(self, *, at: datetime) -> None:
        """Go on after a pause."""
        self.active, self.resumed_at = True, at

    def answered(self) -> None:
        """The partner is there."""
        self.misses_in_a_row, self.rests_until = 0, None

    def missed(self, *, at: datetime) -> None:
        """After five misses in a row, leave the partner in peace for a while: others are waiting too."""
        self.misses_in_a_row += 1
        if self.misses_in_a_row >= RESTS_AFTER:
            pause = min(2 ** (self.misses_in_a_row - RESTS_AFTER), 300)
            self.rests_until = at + timedelta(seconds=pause)
