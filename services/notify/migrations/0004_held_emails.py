"""An email may be held: after a restore, one that was perhaps sent already waits for staff."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATUS = """
alter table emails drop constraint ck_emails_status;
alter table emails add constraint ck_emails_status check (
    status in ('queued','sending','sent','failed','stale','held','unsure','suppressed')
);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATUS)
