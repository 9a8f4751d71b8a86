"""One change on its way to one subscription: queue and log in one row."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant
from shared.errors import Conflict

BACK_OFF_S = (1, 2, 5, 10, 30, 60, 300, 900, 1800, 3600)
GIVE_UP = timedelta(hours=72)
CLAIM = timedelta(seconds=60)


class DeliveryNotFailed(Conflict):
    """Only a delivery that was given up can be tried again by hand."""


class Delivery(Base):
    """Queued, claimed as `sending`, then delivered or failed; `covered` by a later state that went first.

    The body is frozen at the first attempt, so that a repeat under the same id says the same thing,
    and dropped when it was delivered.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("subscription_id", "position"),
        CheckConstraint("status in ('queued','sending','delivered','covered','failed')", name="status"),
        CheckConstraint("(status = 'delivered') = (delivered_at is not null)", name="delivered"),
        CheckConstraint("(status = 'failed') = (given_up_at is not null)", name="given_up"),
        CheckConstraint("(status = 'covered') = (covered_by is not null)", name="covered"),
        Index(
            "ix_deliveries_waiting",
            "subscription_id",
            "party_id",
            "position",
            postgresql_where=text("status in ('queued','sending')"),
        ),
        Index(
            "ix_deliveries_due",
            "subscription_id",
            "next_attempt_at",
            postgresql_where=text("status in ('queued','sending')"),
        ),
        Index("ix_deliveries_subscription", "subscription_id", "id"),
    )

    id: Mapped[Id]
    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id"))
    position: Mapped[int] = mapped_column(BigInteger, ForeignKey("crm_changes.position"))
    party_id: Mapped[uuid.UUID]
    correlation_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    created_at: Mapped[Instant]
    next_attempt_at: Mapped[Instant]
    attempts: Mapped[int] = mapped_column(server_default="0")
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    answer_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[Instant | None]
    given_up_at: Mapped[Instant | None]
    covered_by: Mapped[uuid.UUID | None]

    def claim(self, *, at: datetime) -> None:
        """Ours until the claim lapses, whatever becomes of this process."""
        self.status = "sending"
        self.attempts += 1
        self.next_attempt_at = at + CLAIM

    def arrived(self, *, code: int, at: datetime) -> None:
        """The receiver took it: nothing personal needs to stay here."""
        self.status, self.delivered_at = "delivered", at
        self.answer_code, self.error, self.body = code, None, None

    def missed(
        self,
        *,
        code: int | None,
        error: str,
        retry_after_s: float | None,
        since: datetime | None,
        at: datetime,
    ) -> None:
        """Not taken: later again, with growing patience, for three days, none of them before `since`."""
        self.answer_code, self.error = code, error
        wait = BACK_OFF_S[min(self.attempts, len(BACK_OFF_S)) - 1]
        due = at + timedelta(seconds=max(wait, min(retry_after_s or 0, 3600)))
        if due - max(self.created_at, since or self.created_at) < GIVE_UP:
            self.status, self.next_attempt_at = "queued", due
        else:
            self.status, self.given_up_at = "failed", at

    def put_off(self, *, error: str, at: datetime) -> None:
        """Another delivery makes what this one needs: a moment later again, however long that takes."""
        self.status, self.answer_code, self.error = "queued", None, error
        self.next_attempt_at = at + timedelta(seconds=1)

    def retry(self, *, at: datetime) -> None:
        """Staff ask for another try: the state of today, in place of the one that was given up."""
        if self.status != "failed":
            raise DeliveryNotFailed
        self.status, self.body, self.attempts, self.given_up_at = "queued", None, 0, None
        self.created_at = self.next_attempt_at = at
