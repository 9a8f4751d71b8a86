"""A checked file that nobody wants written is discarded: a dated fact, and its rows are forgotten."""

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMNS = """
alter table imports
    add column discarded_by uuid,
    add column discarded_at timestamptz,
    add constraint ck_imports_written_or_discarded check (discarded_at is null or confirmed_at is null);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMNS)
