"""When an email or a delivery was given up: the path of a gift tells it."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Of what was given up before, only the time of the try that no longer came is known.
COLUMNS = """
alter table emails add column given_up_at timestamptz;
alter table deliveries add column given_up_at timestamptz;
update emails set given_up_at = next_attempt_at where status = 'failed';
update deliveries set given_up_at = next_attempt_at where status = 'failed';
alter table emails add constraint ck_emails_given_up check (status <> 'failed' or given_up_at is not null);
alter table deliveries
    add constraint ck_deliveries_given_up check ((status = 'failed') = (given_up_at is not null));
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMNS)
