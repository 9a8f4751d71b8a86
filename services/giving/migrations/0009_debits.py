"""SEPA debits: who may be asked for one, what was signed, and whether the donor was told beforehand."""

from alembic import op

revision = "0009"
down_revision = "0008"

TABLE = """
alter table entities add column creditor_id text;
alter table entities add constraint ck_entities_creditor_id
    check (creditor_id ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}$') not valid;
alter table checkouts add column takes_debits boolean default false not null;
create table debits (
    checkout_id uuid not null,
    donation_id uuid not null,
    account varchar not null,
    payment_id varchar not null,
    creditor_id varchar not null,
    promised_at timestamptz not null,
    retry_at timestamptz not null,
    mandate_reference varchar,
    country varchar,
    last4 varchar,
    debit_on date,
    announced_at timestamptz,
    constraint pk_debits primary key (checkout_id),
    constraint fk_debits_checkout_id foreign key (checkout_id) references checkouts (id),
    constraint fk_debits_donation_id foreign key (donation_id) references donations (id),
    constraint ck_debits_announced check (
        (announced_at is null) = (debit_on is null) and (announced_at is null) = (mandate_reference is null))
);
create index ix_debits_donation_id on debits (donation_id);
create index ix_debits_unannounced on debits (retry_at) where announced_at is null;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLE)
