"""An authenticator that nobody confirmed is forgotten, so it is known when it was begun."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = """
alter table accounts add column totp_begun_at timestamptz;
update accounts set totp_sealed = null where totp_confirmed_at is null;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMNS)
