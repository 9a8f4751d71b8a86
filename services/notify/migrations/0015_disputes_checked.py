"""The rule of disputed gifts holds for those of before too."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("alter table gifts validate constraint ck_gifts_disputed")
