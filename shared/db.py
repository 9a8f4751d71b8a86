"""PostgreSQL: the engine, the transaction, the base class of tables, identifiers.

The only `create_engine` of Amicale. Each service has one `Database`, connected by its door
(`create_app` or the worker); doors open `Transaction()`, use cases receive the session.
"""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Annotated, Any, ClassVar, TypeVar

from sqlalchemy import BigInteger, Connection, DateTime, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, registry

from shared.errors import NotFound

OVERFLOW = 4
"""Connections opened beyond those that are kept, for as long as they are needed."""

RESTED_S = 1.0
"""A connection that nobody used for so long is asked whether it lives before it is used again."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Database:
    """One service's database: connected once per process, then opened a transaction at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._engine: Engine | None = None

    def connect(self, url: str, *, pool_size: int = 10) -> Engine:
        """Make the engine (lazily connecting); a second call with another address replaces it."""
        if self._engine is not None:
            if self._engine.url.render_as_string(hide_password=False) == _driver(url):
                return self._engine
            self._engine.dispose()
        self._engine = create_engine(
            _driver(url),
            pool_size=pool_size,
            max_overflow=OVERFLOW,
            pool_pre_ping=False,
            pool_recycle=1800,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 5,
                "tcp_user_timeout": 10_000,
                "application_name": f"amicale-{self.name}",
                "options": "-c timezone=UTC -c lock_timeout=10s -c idle_in_transaction_session_timeout=120s",
            },
        )
        _ask_the_rested(self._engine)
        return self._engine

    @property
    def engine(self) -> Engine:
        """The engine; a process that asks before `connect` has a wiring fault."""
        if self._engine is None:
            raise RuntimeError(f"the {self.name} database is not connected")
        return self._engine

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end of the block and rolls back when it raises."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection of which each statement commits by itself: for what is written in one statement."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    def dispose(self) -> None:
        """Close every pooled connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _ask_the_rested(engine: Engine) -> None:
    """Let nobody have a connection that died while it rested, as all do when PostgreSQL is started again.

    The first that is found dead has all the others made anew. A connection that goes from hand to hand, as
    under load, is asked nothing (`pool_pre_ping` would ask each time).
    """

    @event.listens_for(engine, "checkin")
    def rests(_: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def wakes(connection: Any, record: Any, _: Any) -> None:
        since = record.info.get("rests_since")
        if since is None or time.monotonic() - since < RESTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


ILL = ("08", "40", "53", "55", "57", "58", "F0", "25006")
"""SQLSTATE classes in which PostgreSQL says that it, not what was asked, is at fault: connection, rollback to
be repeated, resources, locks, operator, system, configuration; and a server that became read-only."""


def is_ill(error: BaseException) -> bool:
    """Whether the database is at fault and what was asked innocent: asked again, it may well succeed."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = sqlstate(error)
    return state.startswith(ILL) if state else isinstance(error, OperationalError | InterfaceError)


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a database error, "" when it has none."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


_uuid7_lock = Lock()
_uuid7_last = 0


def uuid7(at: datetime | None = None) -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 12 of a sub-millisecond counter.

    Within a process later ids sort after earlier ones. `at` makes an id for a past moment.
    """
    global _uuid7_last
    if at is not None:
        ticks = int(at.timestamp() * 1_000_000) * 4096 // 1000
    else:
        with _uuid7_lock:
            ticks = max(time.time_ns() * 4096 // 1_000_000, _uuid7_last + 1)
            _uuid7_last = ticks
    milliseconds, fraction = divmod(ticks, 4096)
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | tail)


def uuid7_time(value: uuid.UUID) -> datetime:
    """The moment that a UUID of version 7 was made at; ValueError for any other version."""
    if value.version != 7:
        raise ValueError("not a UUID of version 7")
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


Id = Annotated[uuid.UUID, mapped_column(primary_key=True, default=uuid7)]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Minor = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """What each service's own `Base` derives from, with a metadata of its own (`schema.service_metadata`)."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True)}

    def __init_subclass__(cls, **options: Any) -> None:
        """Each service's names are its own: two services may both have an `Email` in one process."""
        if "metadata" in cls.__dict__:
            cls._sa_registry = cls.registry = registry(
                metadata=cls.metadata, type_annotation_map=cls.type_annotation_map
            )
        super().__init_subclass__(**options)


Row = TypeVar("Row", bound=Base)


def lock(session: Session, model: type[Row], row_id: Any) -> Row:
    """The row, locked until the transaction ends and read afresh; NotFound when there is none."""
    row = session.get(model, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    return row
