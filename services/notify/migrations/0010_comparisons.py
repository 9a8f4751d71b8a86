"""Events as they are in a CRM, comparisons with it, and what differs."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
create table crm_events (
    subscription_id uuid not null,
    event_id uuid not null,
    written jsonb default '{}' not null,
    made_at timestamptz,
    held_by uuid,
    held_until timestamptz,
    constraint pk_crm_events primary key (subscription_id, event_id),
    constraint fk_crm_events_subscription_id foreign key (subscription_id) references subscriptions (id)
);

create table crm_comparisons (
    id uuid not null,
    subscription_id uuid not null,
    started_at timestamptz not null,
    asked_by uuid,
    step text default 'parties',
    cursor text default '' not null,
    next_attempt_at timestamptz not null,
    attempts integer default 0 not null,
    error text,
    finished_at timestamptz,
    failed_at timestamptz,
    parties_total integer default 0 not null,
    parties_count integer default 0 not null,
    contacts_count integer default 0 not null,
    contributions_count integer default 0 not null,
    participants_count integer default 0 not null,
    under_way_count integer default 0 not null,
    in_conflict_count integer default 0 not null,
    missing_count integer default 0 not null,
    extra_count integer default 0 not null,
    differing_count integer default 0 not null,
    doubled_count integer default 0 not null,
    repair_asked_at timestamptz,
    repair_asked_by uuid,
    repaired_at timestamptz,
    repaired_parties_count integer default 0 not null,
    constraint pk_crm_comparisons primary key (id),
    constraint fk_crm_comparisons_subscription_id foreign key (subscription_id) references subscriptions (id),
    constraint ck_crm_comparisons_over
        check ((step is null) = (finished_at is not null or failed_at is not null))
);
create unique index uq_crm_comparisons_open on crm_comparisons (subscription_id) where step is not null;
create index ix_crm_comparisons_subscription on crm_comparisons (subscription_id, id);
create index ix_crm_comparisons_repairs on crm_comparisons (repair_asked_at)
    where repair_asked_at is not null and repaired_at is null;

create table crm_differences (
    id uuid not null,
    comparison_id uuid not null,
    kind text not null,
    entity text not null,
    record_id text not null,
    party_id uuid,
    crm_id bigint,
    field text,
    ours text,
    theirs text,
    found_at timestamptz not null,
    repaired_at timestamptz,
    constraint pk_crm_differences primary key (id),
    constraint fk_crm_differences_comparison_id foreign key (comparison_id) references crm_comparisons (id),
    constraint ck_crm_differences_kind check (kind in ('missing', 'extra', 'differing', 'doubled')),
    constraint ck_crm_differences_field check ((kind = 'differing') = (field is not null))
);
create index ix_crm_differences_comparison on crm_differences (comparison_id, id);
create index ix_crm_differences_party on crm_differences (party_id);
create index ix_crm_differences_to_repair on crm_differences (comparison_id, party_id)
    where party_id is not null and repaired_at is null and kind <> 'doubled';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES)
