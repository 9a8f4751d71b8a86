"""An index to count the emails that were refused for good lately."""

from alembic import op

revision = "0007"
down_revision = "0006"

INDEX = "create index ix_emails_refused on emails (given_up_at) where status = 'failed'"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(INDEX)
