"""What banks hold of a gift, and which message told each sum last: a refund may come back."""

from alembic import op

revision = "0014"
down_revision = "0013"

DISPUTED = """
alter table gifts
    add column refunds_told uuid,
    add column disputed_minor bigint not null default 0,
    add column disputes_told uuid;
alter table gifts add constraint ck_gifts_disputed
    check (disputed_minor between 0 and amount_minor) not valid;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(DISPUTED)
