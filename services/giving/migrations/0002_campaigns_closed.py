"""A campaign may be closed before its last day; that is a dated fact of its own."""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMN = """
alter table campaigns add column closed_at timestamptz;
alter table campaigns add constraint ck_campaigns_closed_after_launch
  check (closed_at is null or launched_at is not null);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMN)
