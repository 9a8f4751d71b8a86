"""The database of the directory."""

from typing import ClassVar

from sqlalchemy import MetaData

from shared import db
from shared.schema import service_metadata


class Base(db.Base):
    """Every table of the directory."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = service_metadata()


database = db.Database("directory")
Transaction = database.transaction
