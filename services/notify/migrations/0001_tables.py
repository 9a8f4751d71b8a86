"""The tables of notify, the kit's tables beside them."""

from alembic import op

from shared.schema import create_kit

revision = "0001"
down_revision = None

TABLES = """
create table crm_changes (
    position bigint generated always as identity,
    party_id uuid not null,
    message_id uuid not null,
    cause text not null,
    correlation_id uuid,
    at timestamptz not null,
    constraint pk_crm_changes primary key (position),
    constraint uq_crm_changes_message_id_party_id unique (message_id, party_id)
);
create index ix_crm_changes_correlation_id on crm_changes (correlation_id);
create index ix_crm_changes_party on crm_changes (party_id, position);

create table emails (
    id uuid not null,
    message_id uuid not null,
    template text not null,
    party_id uuid not null,
    copy smallint default '0' not null,
    resend_of uuid,
    correlation_id uuid,
    locale text not null,
    to_address text,
    to_name text default '' not null,
    typed boolean not null,
    subject text not null,
    html text not null,
    text text not null,
    facts jsonb,
    secrets jsonb,
    secrets_until timestamptz,
    useful_until timestamptz,
    header_id text not null,
    status text not null,
    priority smallint default '1' not null,
    occurred_at timestamptz not null,
    created_at timestamptz not null,
    next_attempt_at timestamptz not null,
    attempts integer default '0' not null,
    answer_code integer,
    reason text,
    sent_at timestamptz,
    asked_by uuid,
    constraint pk_emails primary key (id),
    constraint uq_emails_message_id_template_party_id_copy unique (message_id, template, party_id, copy),
    constraint ck_emails_status check (
        status in ('queued','sending','sent','failed','stale','unsure','suppressed')
    ),
    constraint ck_emails_sent check ((status = 'sent') = (sent_at is not null)),
    constraint ck_emails_addressed check (status not in ('queued','sending') or to_address is not null),
    constraint ck_emails_resent check ((copy = 0) = (resend_of is null)),
    constraint uq_emails_header_id unique (header_id)
);
create index ix_emails_correlation_id on emails (correlation_id);
create index ix_emails_due on emails (priority, next_attempt_at) where status in ('queued','sending');
create index ix_emails_party on emails (party_id, id);
create index ix_emails_secrets on emails (secrets_until) where secrets is not null;

create table gifts (
    donation_id uuid not null,
    party_id uuid not null,
    campaign_id uuid not null,
    campaign_title_fr text not null,
    campaign_title_en text not null,
    entity_name text not null,
    amount_minor bigint not null,
    currency text not null,
    settled_at timestamptz,
    refunded_minor bigint default '0' not null,
    refunded_at timestamptz,
    constraint pk_gifts primary key (donation_id),
    constraint ck_gifts_amount check (amount_minor > 0),
    constraint ck_gifts_refunded check (refunded_minor between 0 and amount_minor)
);
create index ix_gifts_party_id on gifts (party_id);

create table guests (
    party_id uuid not null,
    person_id uuid,
    given_name text default '' not null,
    family_name text default '' not null,
    email text,
    locale text default 'fr' not null,
    told_at timestamptz,
    attached_at timestamptz,
    constraint pk_guests primary key (party_id)
);
create index ix_guests_person_id on guests (person_id);

create table recipients (
    person_id uuid not null,
    version bigint not null,
    merged_into uuid,
    erased_at timestamptz,
    given_name text default '' not null,
    family_name text default '' not null,
    email text,
    locale text default 'fr' not null,
    class_year integer,
    status text default 'living' not null,
    contactable boolean default false not null,
    constraint pk_recipients primary key (person_id),
    constraint ck_recipients_erased_is_empty check (
        erased_at is null or (email is null and given_name = '' and family_name = '')
    ),
    constraint ck_recipients_not_merged_into_itself check (merged_into <> person_id),
    constraint ck_recipients_version check (version >= 0)
);
create index ix_recipients_merged_into on recipients (merged_into) where merged_into is not null;

create table subscriptions (
    id uuid not null,
    connector text default 'webhooks' not null,
    url text not null,
    types text[] not null,
    active boolean default true not null,
    secret text not null,
    created_at timestamptz not null,
    deleted_at timestamptz,
    misses_in_a_row integer default '0' not null,
    rests_until timestamptz,
    constraint pk_subscriptions primary key (id),
    constraint ck_subscriptions_hears_something check (cardinality(types) > 0),
    constraint ck_subscriptions_connector check (connector in ('webhooks'))
);

create table timeline_entries (
    id uuid not null,
    message_id uuid not null,
    party_id uuid not null,
    at timestamptz not null,
    kind text not null,
    source text not null,
    text_fr text not null,
    text_en text not null,
    amount_minor bigint,
    currency text,
    ref text,
    correlation_id uuid,
    constraint pk_timeline_entries primary key (id),
    constraint uq_timeline_entries_message_id_kind_party_id unique (message_id, kind, party_id)
);
create index ix_timeline_entries_correlation_id on timeline_entries (correlation_id);
create index ix_timeline_entries_party on timeline_entries (party_id, at, id);

create table deliveries (
    id uuid not null,
    subscription_id uuid not null,
    position bigint not null,
    party_id uuid not null,
    correlation_id uuid,
    status text default 'queued' not null,
    created_at timestamptz not null,
    next_attempt_at timestamptz not null,
    attempts integer default '0' not null,
    body jsonb,
    answer_code integer,
    error text,
    delivered_at timestamptz,
    covered_by uuid,
    constraint pk_deliveries primary key (id),
    constraint uq_deliveries_subscription_id_position unique (subscription_id, position),
    constraint ck_deliveries_status check (status in ('queued','sending','delivered','covered','failed')),
    constraint ck_deliveries_delivered check ((status = 'delivered') = (delivered_at is not null)),
    constraint ck_deliveries_covered check ((status = 'covered') = (covered_by is not null)),
    constraint fk_deliveries_subscription_id foreign key(subscription_id) references subscriptions (id),
    constraint fk_deliveries_position foreign key(position) references crm_changes (position)
);
create index ix_deliveries_correlation_id on deliveries (correlation_id);
create index ix_deliveries_due on deliveries (subscription_id, next_attempt_at)
    where status in ('queued','sending');
create index ix_deliveries_subscription on deliveries (subscription_id, id);
create index ix_deliveries_waiting on deliveries (subscription_id, party_id, position)
    where status in ('queued','sending');
"""


def upgrade() -> None:
    """Make everything."""
    create_kit(op.get_bind())
    op.execute(TABLES)
