"""Migrations of one service: `python -m shared.migrate services.giving`.

They run as the owner of the database; then the app's role is granted what the tables allow: all but
DDL, and no UPDATE or DELETE on tables marked `info={"append_only": True}` (ledger, audit, receipts).
Files are `services/<name>/migrations/0001_<what>.py`; the revision is the number.
"""

import sys
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, MetaData, make_url, text

from shared.db import Database
from shared.settings import MigrationSettings


def migrate(package: str, *, owner_url: str, app_url: str) -> None:
    """Bring the database of `package` to its newest revision and grant the app's role its rights."""
    models = import_module(f"{package}.models")
    database = Database(f"{package}-migrations")
    engine = database.connect(owner_url, pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(hashtext('amicale.migrate'))"))
            connection.commit()
            _upgrade(package, connection)
            grant(connection, models.Base.metadata, role=make_url(app_url).username or "")
            connection.commit()
    finally:
        database.dispose()


def head(package: str) -> str:
    """The newest revision that the code knows."""
    return max(path.stem[:4] for path in _folder(package).glob("[0-9][0-9][0-9][0-9]_*.py"))


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
    migrate(sys.argv[1], owner_url=told.database_owner_url, app_url=told.database_url)
    print(f"{sys.argv[1]}: database at revision {head(sys.argv[1])}")
