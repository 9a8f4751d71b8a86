"""Pictures: what was uploaded for a campaign, drawn anew in two sizes, each named by its content."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from services.giving.models.base import Base
from shared.db import Instant


class CampaignPicture(Base):
    """One size of a campaign's picture. Another content is another row, at another address."""

    __tablename__ = "campaign_pictures"
    __table_args__ = (
        CheckConstraint("digest ~ '^[0-9a-f]{32}$'", name="digest"),
        CheckConstraint("width > 0 and height > 0", name="size"),
        CheckConstraint("octet_length(content) between 1 and 400000", name="content"),
    )

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant]
