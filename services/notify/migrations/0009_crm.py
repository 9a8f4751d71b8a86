"""Connections to a CiviCRM, what is remembered of each party over there, and conflicts for staff."""

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
alter table subscriptions drop constraint ck_subscriptions_connector;
alter table subscriptions add constraint ck_subscriptions_connector
    check (connector in ('webhooks', 'civicrm')) not valid;
alter table subscriptions validate constraint ck_subscriptions_connector;

create table crm_memories (
    subscription_id uuid not null,
    party_id uuid not null,
    written jsonb default '{}' not null,
    kept jsonb default '{}' not null,
    constraint pk_crm_memories primary key (subscription_id, party_id),
    constraint fk_crm_memories_subscription_id foreign key (subscription_id) references subscriptions (id)
);

create table crm_conflicts (
    id uuid not null,
    subscription_id uuid not null,
    party_id uuid not null,
    record text not null,
    field text not null,
    ours text not null,
    theirs text not null,
    our_mark text not null,
    their_mark text not null,
    found_at timestamptz not null,
    decision text,
    decided_at timestamptz,
    decided_by uuid,
    constraint pk_crm_conflicts primary key (id),
    constraint fk_crm_conflicts_subscription_id foreign key (subscription_id) references subscriptions (id),
    constraint ck_crm_conflicts_decision check (decision in ('ours', 'theirs', 'gone')),
    constraint ck_crm_conflicts_decided check ((decision is null) = (decided_at is null))
);
create unique index uq_crm_conflicts_open on crm_conflicts (subscription_id, party_id, record, field)
    where decided_at is null;
create index ix_crm_conflicts_party on crm_conflicts (party_id);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES)
