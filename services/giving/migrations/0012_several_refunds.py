"""A gift has several refunds: the index that allowed one goes, and those of the new columns come."""

from alembic import op
from sqlalchemy import text

revision = "0012"
down_revision = "0011"

CHECKED = """
alter table donations validate constraint ck_donations_returned;
alter table entities validate constraint ck_entities_refund_alone;
alter table refunds validate constraint fk_refunds_surplus_id;
alter table refunds validate constraint ck_refunds_returned_after_completed;
alter table refunds validate constraint ck_refunds_four_eyes;
alter table refunds validate constraint ck_refunds_approved_first;
alter table refunds validate constraint ck_refunds_rejection;
"""
INDEXES = (
    "drop index concurrently if exists uq_refunds_live",
    """
    create index concurrently if not exists ix_donations_returned on donations (campaign_id, settled_at)
        where refunded_minor > 0 or disputed_minor > 0
    """,
    """
    create index concurrently if not exists ix_refunds_completed on refunds (completed_at)
        where completed_at is not null
    """,
)


def upgrade() -> None:
    op.get_bind().exec_driver_sql(CHECKED)
    with op.get_context().autocommit_block():
        for index in INDEXES:
            op.execute(text(index))
