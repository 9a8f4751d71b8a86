"""A comparison of all that we know with all that a CRM holds under our ids, and how far it has come."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant
from shared.errors import Conflict

PARTIES, CONTACTS, CONTRIBUTIONS, PARTICIPANTS = "parties", "contacts", "contributions", "participants"
STEPS = (PARTIES, CONTACTS, CONTRIBUTIONS, PARTICIPANTS)
BACK_OFF_S = (1, 2, 5, 10, 30, 60, 300)
GIVE_UP = timedelta(hours=12)


class ComparisonRunning(Conflict):
    """This comparison has not finished yet."""


class ComparisonOutdated(Conflict):
    """A later comparison of the same CRM has finished, or this one failed: mend what that one lists."""


class CrmComparison(Base):
    """Goes on from `step` and `cursor`, which are written with what was found up to there."""

    __tablename__ = "crm_comparisons"
    __table_args__ = (
        CheckConstraint("(step is null) = (finished_at is not null or failed_at is not null)", name="over"),
        Index(
            "uq_crm_comparisons_open",
            "subscription_id",
            unique=True,
            postgresql_where=text("step is not null"),
        ),
        Index("ix_crm_comparisons_subscription", "subscription_id", "id"),
        Index(
            "ix_crm_comparisons_repairs",
            "repair_asked_at",
            postgresql_where=text("repair_asked_at is not null and repaired_at is null"),
        ),
    )

    id: Mapped[Id]
    subscription_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("subscriptions.id"))
    started_at: Mapped[Instant]
    asked_by: Mapped[uuid.UUID | None]
    step: Mapped[str | None] = mapped_column(Text, server_default=PARTIES)
    cursor: Mapped[str] = mapped_column(Text, server_default="")
    next_attempt_at: Mapped[Instant]
    attempts: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[Instant | None]
    failed_at: Mapped[Instant | None]
    parties_total: Mapped[int] = mapped_column(server_default="0")
    parties_count: Mapped[int] = mapped_column(server_default="0")
    contacts_count: Mapped[int] = mapped_column(server_default="0")
    contributions_count: Mapped[int] = mapped_column(server_default="0")
    participants_count: Mapped[int] = mapped_column(server_default="0")
    under_way_count: Mapped[int] = mapped_column(server_default="0")
    in_conflict_count: Mapped[int] = mapped_column(server_default="0")
    missing_count: Mapped[int] = mapped_column(server_default="0")
    extra_count: Mapped[int] = mapped_column(server_default="0")
    differing_count: Mapped[int] = mapped_column(server_default="0")
    doubled_count: Mapped[int] = mapped_column(server_default="0")
    repair_asked_at: Mapped[Instant | None]
    repair_asked_by: Mapped[uuid.UUID | None]
    repaired_at: Mapped[Instant | None]
    repaired_parties_count: Mapped[int] = mapped_column(server_default="0")

    @property
    def status(self) -> str:
        """running, finished or failed."""
        return "finished" if self.finished_at else "failed" if self.failed_at else "running"

    def advance(self, cursor: str | None, *, at: datetime) -> None:
        """A part was read: on from `cursor`, or to the next step when there is no more of this one."""
        self.attempts, self.error = 0, None
        if cursor is not None:
            self.cursor = cursor
            return
        assert self.step is not None
        left = STEPS[STEPS.index(self.step) + 1 :]
        self.cursor, self.step = "", left[0] if left else None
        if not left:
            self.finished_at = at

    def missed(self, *, error: str, retry_after_s: float | None, at: datetime) -> None:
        """The CRM did not answer: later again, for half a day."""
        wait = max(BACK_OFF_S[min(self.attempts, len(BACK_OFF_S) - 1)], min(retry_after_s or 0, 3600))
        self.attempts += 1
        self.error, self.next_attempt_at = error, at + timedelta(seconds=wait)
        if self.next_attempt_at - self.started_at > GIVE_UP:
            self.fail(error, at=at)

    def fail(self, error: str, *, at: datetime) -> None:
        """Given up; the next night begins anew."""
        self.step, self.error, self.failed_at = None, error, at

    def ask_repair(self, *, by: uuid.UUID | None, at: datetime) -> None:
        """Once: asked again, nothing more happens."""
        if self.step is not None:
            raise ComparisonRunning
        if self.failed_at is not None:
            raise ComparisonOutdated
        if self.repair_asked_at is None:
            self.repair_asked_at, self.repair_asked_by = at, by
