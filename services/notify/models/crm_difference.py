"""One difference that a comparison found between a CRM and us."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.notify.models.base import Base
from shared.db import Id, Instant

MISSING, EXTRA, DIFFERING, DOUBLED = "missing", "extra", "differing", "doubled"
KINDS = (MISSING, EXTRA, DIFFERING, DOUBLED)


class CrmDifference(Base):
    """Values only of a field that differs; gone with the next comparison, or when the person is erased."""

    __tablename__ = "crm_differences"
    __table_args__ = (
        CheckConstraint("kind in ('missing', 'extra', 'differing', 'doubled')", name="kind"),
        CheckConstraint("(kind = 'differing') = (field is not null)", name="field"),
        Index("ix_crm_differences_comparison", "comparison_id", "id"),
        Index("ix_crm_differences_party", "party_id"),
        Index(
            "ix_crm_differences_to_repair",
            "comparison_id",
            "party_id",
            postgresql_where=text("party_id is not null and repaired_at is null and kind <> 'doubled'"),
        ),
    )

    id: Mapped[Id]
    comparison_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("crm_comparisons.id"))
    kind: Mapped[str] = mapped_column(Text)
    entity: Mapped[str] = mapped_column(Text)
    record_id: Mapped[str] = mapped_column(Text)
    party_id: Mapped[uuid.UUID | None]
    crm_id: Mapped[int | None] = mapped_column(BigInteger)
    field: Mapped[str | None] = mapped_column(Text)
    ours: Mapped[str | None] = mapped_column(Text)
    theirs: Mapped[str | None] = mapped_column(Text)
    found_at: Mapped[Instant]
    repaired_at: Mapped[Instant | None]

    @property
    def repairable(self) -> bool:
        """Whether telling the CRM of this party once more mends it."""
        return self.party_id is not None and self.kind != DOUBLED
