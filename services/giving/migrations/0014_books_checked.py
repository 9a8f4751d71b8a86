"""The rules of 0013 hold for what was written before them too."""

from alembic import op

revision = "0014"
down_revision = "0013"

CHECKED = """
alter table entities validate constraint ck_entities_siren;
alter table entities validate constraint ck_entities_fiscal_year_start_month;
alter table settlements validate constraint fk_settlements_payout_id;
alter table settlements validate constraint ck_settlements_arrived_by_payout;
alter table ledger_transactions validate constraint ck_ledger_transactions_value_before_booking;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(CHECKED)
