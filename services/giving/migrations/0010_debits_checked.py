"""The rule of creditor identifiers holds for what was written before it too."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("alter table entities validate constraint ck_entities_creditor_id")
