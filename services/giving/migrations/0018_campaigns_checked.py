"""The campaigns of before have their moments too, and the new rules hold for them.

As many rows as a school has campaigns: they are filled here, by the trigger, and not in batches by a job.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

FILLED = """
update campaigns set time_zone = time_zone where opens_at is null or closes_at is null;
alter table campaigns validate constraint ck_campaigns_goal;
alter table campaigns validate constraint ck_campaigns_start;
alter table campaigns validate constraint ck_campaigns_units;
alter table campaigns validate constraint ck_campaigns_period;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(FILLED)
