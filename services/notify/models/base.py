"""The database of notify and what its tables derive from."""

from shared.db import Base as SharedBase
from shared.db import Database
from shared.schema import service_metadata

database = Database("notify")
Transaction = database.transaction


class Base(SharedBase):
    """A table of notify."""

    __abstract__ = True
    metadata = service_metadata()
