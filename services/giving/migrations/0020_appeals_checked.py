"""The rule of appeals' codes holds for the gifts of before, which have none."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("alter table donations validate constraint ck_donations_appeal")
