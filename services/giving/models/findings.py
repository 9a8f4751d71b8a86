"""Reconciliations with the provider, and what they and the webhooks found that does not agree."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Id, Instant


class Reconciliation(Base):
    """One comparison of one account with the provider's own lists, over a span of time."""

    __tablename__ = "reconciliations"
    __table_args__ = (
        CheckConstraint("since <= until", name="span"),
        Index("ix_reconciliations_account", "account", "until"),
    )

    id: Mapped[Id]
    account: Mapped[str]
    since: Mapped[Instant]
    until: Mapped[Instant]
    by: Mapped[UUID | None]
    finished_at: Mapped[Instant]
    events_taken: Mapped[int]
    """Events that no webhook had brought."""
    movements_seen: Mapped[int]
    findings_new: Mapped[int]


class Finding(Base):
    """A difference that a person must look at. The same difference is found once."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("account", "kind", "reference"),
        Index("ix_findings_open", "found_at", "id", postgresql_where=text("resolved_at is null")),
    )

    id: Mapped[Id]
    account: Mapped[str]
    kind: Mapped[str]
    reference: Mapped[str]
    """The provider's id (or ours) of what does not agree."""
    donation_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Ours and theirs: ids, sums, currencies, states; never a name or an address."""
    found_at: Mapped[Instant]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None]
    note: Mapped[str | None]
