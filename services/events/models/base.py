"""The database of events: its metadata, its connection, its transaction."""

from shared import db
from shared.schema import service_metadata


class Base(db.Base):
    """Base class of the tables of events."""

    __abstract__ = True
    metadata = service_metadata()


database = db.Database("events")
Transaction = database.transaction
