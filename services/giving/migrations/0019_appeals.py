"""By which appeal a gift came."""

from alembic import op

revision = "0019"
down_revision = "0018"

COLUMN = """
alter table donations add column appeal varchar;
alter table donations add constraint ck_donations_appeal
    check (appeal ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$') not valid;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMN)
