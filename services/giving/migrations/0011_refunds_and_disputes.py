"""Parts of a gift go back, refunds wait for another person, banks take money, gifts are paid twice."""

from alembic import op

revision = "0011"
down_revision = "0010"

RETURNED = """
alter table donations
    add column refunded_minor bigint not null default 0,
    add column disputed_minor bigint not null default 0;
alter table donations add constraint ck_donations_returned check (
    refunded_minor >= 0 and disputed_minor >= 0
    and refunded_minor + disputed_minor <= amount_minor) not valid;
"""
FOUR_EYES = """
alter table entities add column refund_alone_minor bigint default 50000;
alter table entities add constraint ck_entities_refund_alone check (refund_alone_minor >= 0) not valid;
"""
SURPLUSES = """
create table surpluses (
    id uuid not null,
    donation_id uuid not null,
    account varchar not null,
    payment_id varchar not null,
    amount_minor bigint not null,
    currency varchar not null,
    paid_at timestamptz not null,
    found_at timestamptz not null,
    retry_at timestamptz not null,
    charge_id varchar,
    movement_id varchar,
    fee_minor bigint,
    detailed_at timestamptz,
    refunded_minor bigint not null,
    disputed_minor bigint not null,
    constraint pk_surpluses primary key (id),
    constraint ck_surpluses_amount check (amount_minor > 0),
    constraint ck_surpluses_returned check (
        refunded_minor >= 0 and disputed_minor >= 0
        and refunded_minor + disputed_minor <= amount_minor),
    constraint ck_surpluses_details check ((detailed_at is null) = (fee_minor is null)),
    constraint fk_surpluses_donation_id foreign key (donation_id) references donations (id)
);
create unique index uq_surpluses_payment on surpluses (account, payment_id);
create index ix_surpluses_donation_id on surpluses (donation_id);
create index ix_surpluses_charge on surpluses (charge_id) where charge_id is not null;
create index ix_surpluses_without_details on surpluses (retry_at) where detailed_at is null;
create index ix_surpluses_held on surpluses (paid_at, id)
    where refunded_minor + disputed_minor < amount_minor;
"""
DISPUTES = """
create table disputes (
    id uuid not null,
    donation_id uuid not null,
    surplus_id uuid,
    account varchar not null,
    provider_dispute_id varchar not null,
    amount_minor bigint not null,
    currency varchar not null,
    reason varchar not null,
    opened_at timestamptz not null,
    answer_by timestamptz,
    withdrawn_minor bigint not null,
    fee_minor bigint not null,
    won_at timestamptz,
    lost_at timestamptz,
    constraint pk_disputes primary key (id),
    constraint ck_disputes_amount check (amount_minor > 0),
    constraint ck_disputes_money check (withdrawn_minor >= 0 and fee_minor >= 0),
    constraint ck_disputes_one_end check (won_at is null or lost_at is null),
    constraint fk_disputes_donation_id foreign key (donation_id) references donations (id),
    constraint fk_disputes_surplus_id foreign key (surplus_id) references surpluses (id)
);
create unique index uq_disputes_provider on disputes (account, provider_dispute_id);
create index ix_disputes_donation_id on disputes (donation_id);
create index ix_disputes_opened on disputes (opened_at);
"""
REFUNDS = """
alter table refunds
    add column surplus_id uuid,
    add column needs_approval boolean not null default false,
    add column approved_at timestamptz,
    add column approved_by uuid,
    add column rejected_by uuid,
    add column rejection varchar,
    add column returned_at timestamptz;
alter table refunds add constraint fk_refunds_surplus_id
    foreign key (surplus_id) references surpluses (id) not valid;
alter table refunds add constraint ck_refunds_returned_after_completed
    check (returned_at is null or completed_at is not null) not valid;
alter table refunds add constraint ck_refunds_four_eyes
    check (approved_by <> requested_by and (approved_by is null) = (approved_at is null)) not valid;
alter table refunds add constraint ck_refunds_approved_first
    check (not needs_approval or approved_at is not null or provider_refund_id is null) not valid;
alter table refunds add constraint ck_refunds_rejection check (
    (rejected_by is null) = (rejection is null)
    and (rejected_by is null or failed_at is not null or returned_at is not null)) not valid;
"""


def upgrade() -> None:
    for script in (RETURNED, FOUR_EYES, SURPLUSES, DISPUTES, REFUNDS):
        op.get_bind().exec_driver_sql(script)
