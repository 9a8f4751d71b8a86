"""Migrations of one service: `python -m shared.migrate services.giving`.

They run as the owner of the database; then the app's role is granted what the tables allow: all but
DDL, and no UPDATE or DELETE on tables marked `info={"append_only": True}` (ledger, audit, receipts).
Files are `services/<name>/migrations/0001_<what>.py`; the revision is the number.

The services go on meanwhile. A migration that waits for a table keeps everybody behind it waiting too: so it
waits for LOCK_WITHIN at most, lets them pass, and tries again. Code that is older than its database is served
by it (shared.health), and its migration leaves it as it is: so code may be taken back.
"""

import sys
import time
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, MetaData, make_url, text
from sqlalchemy.exc import OperationalError

from shared.db import Database
from shared.settings import MigrationSettings

LOCK_WITHIN, TRIES, PAUSE_S = "1s", 60, 1.0
LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of PostgreSQL: a lock was not had in time."""


class TableBusy(Exception):
    """A table was busy, or an older transaction stayed open, through all the tries: nothing is changed."""


def migrate(package: str, *, owner_url: str, app_url: str) -> str:
    """Bring the database of `package` to its newest revision and grant the app's role its rights.

    The revision that the database has then, which is newer than the code's when the code was taken back;
    TableBusy when a table was never free.
    """
    models = import_module(f"{package}.models")
    database = Database(f"{package}-migrations")
    engine = database.connect(owner_url, pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(hashtext('amicale.migrate'))"))
            connection.commit()
            found = revision(connection)
            if found is not None and found > head(package):
                return found
            _patiently(package, connection)
            grant(connection, models.Base.metadata, role=make_url(app_url).username or "")
            connection.commit()
            return head(package)
    finally:
        database.dispose()


def head(package: str) -> str:
    """The newest revision that the code knows."""
    return max(path.stem[:4] for path in _folder(package).glob("[0-9][0-9][0-9][0-9]_*.py"))


def revision(connection: Connection) -> str | None:
    """The revision that the database has; None before the first migration."""
    if connection.execute(text("select to_regclass('alembic_version')")).scalar_one() is None:
        return None
    found: str | None = connection.execute(text("select version_num from alembic_version")).scalar()
    connection.commit()
    return found


def _patiently(package: str, connection: Connection) -> None:
    """Each migration is one transaction: what was done stays done, and the next try goes on from there."""
    for _ in range(TRIES):
        connection.execute(text(f"set lock_timeout = '{LOCK_WITHIN}'"))
        connection.commit()
        try:
            _upgrade(package, connection)
            return
        except OperationalError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            print(f"{package}: a table is busy; everybody passes, then again ...", flush=True)
            time.sleep(PAUSE_S)
    raise TableBusy


def grant(connection: Connection, metadata: MetaData, *, role: str) -> None:
    """Give the app's role what each table allows, and nothing else."""
    quoted = connection.dialect.identifier_preparer.quote(role)
    connection.execute(text(f"grant usage on schema public to {quoted}"))
    connection.execute(text(f"grant select on all tables in schema public to {quoted}"))
    connection.execute(text(f"grant usage, select on all sequences in schema public to {quoted}"))
    connection.execute(text(f"grant execute on function kit_make_partitions to {quoted}"))
    for table in metadata.sorted_tables:
        rights = "insert" if table.info.get("append_only") else "insert, update, delete"
        connection.execute(text(f'grant {rights} on "{table.name}" to {quoted}'))


def _upgrade(package: str, connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migration").replace("%", "%%"))
    config.set_main_option("version_locations", str(_folder(package)).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _folder(package: str) -> Path:
    return Path(import_module(package).__file__ or "").parent / "migrations"


if __name__ == "__main__":
    told = MigrationSettings.from_env(sys.argv[1])
    try:
        reached = migrate(sys.argv[1], owner_url=told.database_owner_url, app_url=told.database_url)
    except TableBusy as error:
        sys.exit(f"{sys.argv[1]}: {error.__doc__} See who with `select * from pg_stat_activity`.")
    newer = f", which is newer than this code ({head(sys.argv[1])}): left as it is"
    print(f"{sys.argv[1]}: database at revision {reached}{newer if reached > head(sys.argv[1]) else ''}")
