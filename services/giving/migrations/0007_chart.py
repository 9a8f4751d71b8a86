"""The chart of accounts: bank, refunds, disputes, suspense; and facts of the books that are about no gift."""

from alembic import op

revision = "0007"
down_revision = "0006"

CHART = """
alter table ledger_transactions alter column donation_id drop not null;
alter table ledger_transactions drop constraint ck_ledger_transactions_kind;
alter table ledger_transactions add constraint ck_ledger_transactions_kind check (kind in (
    'gift', 'fee', 'refund', 'refund_returned', 'dispute', 'dispute_won', 'surplus', 'surplus_refund',
    'payout', 'payout_returned', 'unexplained', 'correction')) not valid;
alter table ledger_entries drop constraint ck_ledger_entries_account;
alter table ledger_entries add constraint ck_ledger_entries_account check (account in (
    'bank', 'provider', 'suspense', 'gifts', 'refunds', 'disputes', 'fees')) not valid;
alter table ledger_entries drop constraint ck_ledger_entries_purpose;
alter table ledger_entries add constraint ck_ledger_entries_purpose check (
    (account in ('gifts', 'refunds', 'disputes')) = (fund_id is not null)
    and (fund_id is null) = (campaign_id is null)) not valid;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(CHART)
