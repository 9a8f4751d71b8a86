"""The migrated database is the one that the models describe."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.events.models import Base, database
from shared.schema import kit


def test_migrations_and_models_agree(events):
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert [each for each in differences if not _of_the_kit(each)] == []


def _of_the_kit(difference):
    names = {*kit.tables, "alembic_version"}
    what = difference[1] if isinstance(difference, tuple) else None
    name = getattr(getattr(what, "table", what), "name", "")
    return name in names or name.startswith(("outbox_y", "inbox_y", "alembic"))
