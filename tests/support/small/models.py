"""Notes that people leave, with an amount beside them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from shared import db
from shared.once import ONCE_KEY, Once
from shared.schema import service_metadata

database = db.Database("small")
Transaction = database.transaction


class Base(db.Base):
    __abstract__ = True
    metadata = service_metadata()


class Note(Once, Base):
    __tablename__ = "notes"
    __table_args__ = (UniqueConstraint(*ONCE_KEY),)

    id: Mapped[db.Id]
    person_id: Mapped[UUID | None]
    text: Mapped[str]
    amount_minor: Mapped[db.Minor]
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    link_version: Mapped[int] = mapped_column(default=0, server_default="0")
