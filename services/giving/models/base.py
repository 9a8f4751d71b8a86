"""The database of giving: its metadata, its connection, its transaction."""

from shared import db
from shared.schema import service_metadata


class Base(db.Base):
    """Base class of giving's tables."""

    __abstract__ = True
    metadata = service_metadata()


database = db.Database("giving")
Transaction = database.transaction
