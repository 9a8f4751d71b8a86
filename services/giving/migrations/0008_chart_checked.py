"""The rules of the chart of accounts hold for what was written before them too."""

from alembic import op

revision = "0008"
down_revision = "0007"

CHECKED = """
alter table ledger_transactions validate constraint ck_ledger_transactions_kind;
alter table ledger_entries validate constraint ck_ledger_entries_account;
alter table ledger_entries validate constraint ck_ledger_entries_purpose;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(CHECKED)
