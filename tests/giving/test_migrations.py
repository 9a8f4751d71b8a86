"""The migrated database is the one that the models describe, and the app's role owns nothing of it."""

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from services.giving.models import Base, database
from shared.schema import kit


def test_migrations_and_models_agree(giving):
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    ours = [each for each in differences if not _of_the_kit(each)]
    assert ours == []


def _of_the_kit(difference):
    names = {*kit.tables, "alembic_version"}
    what = difference[1] if isinstance(difference, tuple) else None
    table = getattr(what, "table", what)
    name = getattr(table, "name", "")
    return name in names or name.startswith(("outbox_y", "inbox_y", "alembic"))


def test_checks_and_deferred_trigger_are_there(giving_database, giving):
    with psycopg.connect(giving_database.owner_url) as owner:
        checks = owner.execute("select count(*) from pg_constraint where contype = 'c'").fetchone()[0]
        deferred = owner.execute(
            "select tgdeferrable, tginitdeferred from pg_trigger where tgname = 'ledger_balanced'"
        )
        assert deferred.fetchall() == [(True, True)]
    described = sum(
        1 for table in Base.metadata.tables.values() if table.name not in kit.tables
        for each in table.constraints if type(each).__name__ == "CheckConstraint"
    )  # fmt: skip
    assert checks >= described > 25


def test_the_app_owns_nothing(giving):
    with database.engine.connect() as connection:
        owned = text(
            "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner"
            " where rolname = current_user"
        )
        assert connection.execute(owned).scalar_one() == 0
