"""When a subscription went on after a pause."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("alter table subscriptions add column resumed_at timestamptz")
