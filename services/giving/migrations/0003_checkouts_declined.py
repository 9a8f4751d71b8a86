"""Refusals of banks are counted by the time of the refusal, which a debit that failed has as well."""

from alembic import op

revision = "0003"
down_revision = "0002"

REFUSALS = """
update checkouts set declined_at = closed_at where outcome = 'failed' and declined_at is null;
create index ix_checkouts_declined on checkouts (declined_at) where declined_at is not null;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(REFUSALS)
