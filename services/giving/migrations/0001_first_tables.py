"""Giving's first tables, with the guards that the database keeps by itself."""

from alembic import op
from sqlalchemy import text

from shared.schema import create_kit

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE campaign_donors (
    campaign_id UUID NOT NULL,
    party_id UUID NOT NULL,
    donations_count BIGINT NOT NULL,
    first_at timestamptz NOT NULL,
    CONSTRAINT pk_campaign_donors PRIMARY KEY (campaign_id, party_id),
    CONSTRAINT ck_campaign_donors_positive CHECK (donations_count >= 0)
);
CREATE INDEX ix_campaign_donors_party_id ON campaign_donors (party_id, first_at);

CREATE TABLE donors (
    id UUID NOT NULL,
    person_id UUID,
    version BIGINT NOT NULL,
    merged_into UUID,
    given_name VARCHAR NOT NULL,
    family_name VARCHAR NOT NULL,
    class_year INTEGER,
    email VARCHAR,
    email_mark VARCHAR,
    verified TEXT[] NOT NULL,
    locale VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    contactable BOOLEAN NOT NULL,
    name_key VARCHAR NOT NULL,
    search VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    attached_at timestamptz,
    erased_at timestamptz,
    CONSTRAINT pk_donors PRIMARY KEY (id),
    CONSTRAINT ck_donors_version CHECK (version >= 0),
    CONSTRAINT ck_donors_locale CHECK (locale in ('fr', 'en'))
);
CREATE INDEX ix_donors_merged_into ON donors (merged_into) WHERE merged_into is not null;
CREATE INDEX ix_donors_person_id ON donors (person_id) WHERE id is distinct from person_id;
CREATE INDEX ix_donors_reachable ON donors (class_year)
        WHERE contactable and status = 'living' and merged_into is null;
CREATE INDEX ix_donors_search ON donors USING gin (search gin_trgm_ops);
CREATE INDEX ix_donors_verified ON donors USING gin (verified);
CREATE UNIQUE INDEX uq_donors_guest ON donors (email_mark, name_key)
        WHERE id is distinct from person_id and erased_at is null;

CREATE TABLE entities (
    id UUID NOT NULL,
    slug VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    can_issue_receipts BOOLEAN NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_entities PRIMARY KEY (id),
    CONSTRAINT ck_entities_slug CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    CONSTRAINT uq_entities_slug UNIQUE (slug)
);

CREATE TABLE findings (
    id UUID NOT NULL,
    account VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    reference VARCHAR NOT NULL,
    donation_id UUID,
    detail JSONB NOT NULL,
    found_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by UUID,
    note VARCHAR,
    CONSTRAINT pk_findings PRIMARY KEY (id),
    CONSTRAINT uq_findings_account_kind_reference UNIQUE (account, kind, reference)
);
CREATE INDEX ix_findings_open ON findings (found_at, id) WHERE resolved_at is null;

CREATE TABLE provider_events (
    account VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    object_id VARCHAR NOT NULL,
    happened_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    source VARCHAR NOT NULL,
    outcome VARCHAR DEFAULT 'applied' NOT NULL,
    copies INTEGER DEFAULT '1' NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    retry_at timestamptz,
    body VARCHAR,
    CONSTRAINT pk_provider_events PRIMARY KEY (account, event_id),
    CONSTRAINT ck_provider_events_outcome CHECK (outcome in ('applied', 'ignored', 'parked', 'mismatch')),
    CONSTRAINT ck_provider_events_retry CHECK ((outcome = 'parked') = (retry_at is not null))
);
CREATE INDEX ix_provider_events_bodies ON provider_events (received_at) WHERE body is not null;
CREATE INDEX ix_provider_events_object_id ON provider_events (object_id);
CREATE INDEX ix_provider_events_parked ON provider_events (retry_at) WHERE outcome = 'parked';

CREATE TABLE reconciliations (
    id UUID NOT NULL,
    account VARCHAR NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    by UUID,
    finished_at timestamptz NOT NULL,
    events_taken INTEGER NOT NULL,
    movements_seen INTEGER NOT NULL,
    findings_new INTEGER NOT NULL,
    CONSTRAINT pk_reconciliations PRIMARY KEY (id),
    CONSTRAINT ck_reconciliations_span CHECK (since <= until)
);
CREATE INDEX ix_reconciliations_account ON reconciliations (account, until);

CREATE TABLE tax_rates (
    regime VARCHAR NOT NULL,
    from_on DATE NOT NULL,
    rate_percent NUMERIC(5, 2) NOT NULL,
    ceiling_percent NUMERIC(5, 2) NOT NULL,
    source VARCHAR NOT NULL,
    review_on DATE NOT NULL,
    CONSTRAINT pk_tax_rates PRIMARY KEY (regime, from_on),
    CONSTRAINT ck_tax_rates_percentages
        CHECK (rate_percent between 0 and 100 and ceiling_percent between 0 and 100)
);

CREATE TABLE funds (
    id UUID NOT NULL,
    entity_id UUID NOT NULL,
    name VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_funds PRIMARY KEY (id),
    CONSTRAINT uq_funds_entity_id_name UNIQUE (entity_id, name),
    CONSTRAINT uq_funds_id_entity_id UNIQUE (id, entity_id),
    CONSTRAINT fk_funds_entity_id FOREIGN KEY(entity_id) REFERENCES entities (id)
);

CREATE TABLE campaigns (
    id UUID NOT NULL,
    slug VARCHAR NOT NULL,
    entity_id UUID NOT NULL,
    fund_id UUID NOT NULL,
    title JSONB NOT NULL,
    summary JSONB NOT NULL,
    story JSONB NOT NULL,
    surplus_use JSONB NOT NULL,
    goal_minor BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    suggested_minor BIGINT[] NOT NULL,
    picture VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    launched_at timestamptz,
    goal_reached_at timestamptz,
    CONSTRAINT pk_campaigns PRIMARY KEY (id),
    CONSTRAINT fk_campaigns_fund_id_entity_id FOREIGN KEY(fund_id, entity_id)
        REFERENCES funds (id, entity_id),
    CONSTRAINT uq_campaigns_id_currency UNIQUE (id, currency),
    CONSTRAINT ck_campaigns_slug CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,98}$'),
    CONSTRAINT ck_campaigns_goal CHECK (goal_minor > 0),
    CONSTRAINT ck_campaigns_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_campaigns_dates CHECK (starts_on <= ends_on),
    CONSTRAINT ck_campaigns_suggested CHECK (array_position(suggested_minor, null) is null),
    CONSTRAINT uq_campaigns_slug UNIQUE (slug),
    CONSTRAINT fk_campaigns_entity_id FOREIGN KEY(entity_id) REFERENCES entities (id)
);
CREATE INDEX ix_campaigns_newest ON campaigns (starts_on, id);

CREATE TABLE campaign_totals (
    campaign_id UUID NOT NULL,
    currency VARCHAR NOT NULL,
    raised_minor BIGINT NOT NULL,
    donations_count BIGINT NOT NULL,
    donors_count BIGINT NOT NULL,
    latest_at timestamptz,
    CONSTRAINT pk_campaign_totals PRIMARY KEY (campaign_id),
    CONSTRAINT fk_campaign_totals_campaign_id_currency FOREIGN KEY(campaign_id, currency)
        REFERENCES campaigns (id, currency),
    CONSTRAINT ck_campaign_totals_positive
        CHECK (raised_minor >= 0 and donations_count >= 0 and donors_count >= 0)
) WITH (fillfactor = 20);

CREATE TABLE donations (
    id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    donor_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    locale VARCHAR NOT NULL,
    email VARCHAR,
    signed_in BOOLEAN NOT NULL,
    message VARCHAR,
    country VARCHAR,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    failed_at timestamptz,
    failure VARCHAR,
    refunded_at timestamptz,
    status VARCHAR GENERATED ALWAYS AS (
        case when refunded_at is not null then 'refunded' when settled_at is not null then 'settled'
     when failed_at is not null then 'failed' else 'pending' end) STORED NOT NULL,
    wall_shows_name BOOLEAN DEFAULT 'false' NOT NULL,
    wall_shows_amount BOOLEAN DEFAULT 'false' NOT NULL,
    wall_chosen_at timestamptz,
    link_version INTEGER DEFAULT '0' NOT NULL,
    caller TEXT,
    route TEXT,
    idempotency_key TEXT,
    wish_hash BYTEA,
    claimed_until timestamptz,
    CONSTRAINT pk_donations PRIMARY KEY (id),
    CONSTRAINT fk_donations_campaign_id_currency FOREIGN KEY(campaign_id, currency)
        REFERENCES campaigns (id, currency),
    CONSTRAINT uq_donations_caller_route_idempotency_key UNIQUE (caller, route, idempotency_key),
    CONSTRAINT ck_donations_amount CHECK (amount_minor between 100 and 10000000),
    CONSTRAINT ck_donations_refund_follows_settlement CHECK (refunded_at is null or settled_at is not null),
    CONSTRAINT ck_donations_failure CHECK ((failed_at is null) = (failure is null)),
    CONSTRAINT ck_donations_locale CHECK (locale in ('fr', 'en')),
    CONSTRAINT ck_donations_country CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_donations_wall_by_choice CHECK (not (wall_shows_amount and wall_chosen_at is null)),
    CONSTRAINT ck_donations_wall_name_by_choice CHECK (not (wall_shows_name and wall_chosen_at is null)),
    CONSTRAINT fk_donations_donor_id FOREIGN KEY(donor_id) REFERENCES donors (id)
);
CREATE INDEX ix_donations_campaign_id ON donations (campaign_id, id);
CREATE INDEX ix_donations_donor_id ON donations (donor_id, id);
CREATE INDEX ix_donations_refunded ON donations (id) WHERE refunded_at is not null;
CREATE INDEX ix_donations_unsettled ON donations (id) WHERE settled_at is null;
CREATE INDEX ix_donations_wall ON donations (campaign_id, settled_at, id)
        INCLUDE (amount_minor) WHERE settled_at is not null and refunded_at is null;

CREATE TABLE checkouts (
    id UUID NOT NULL,
    donation_id UUID NOT NULL,
    account VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    session_id VARCHAR,
    url VARCHAR,
    expires_at timestamptz,
    payment_id VARCHAR,
    declined_at timestamptz,
    decline_code VARCHAR,
    processing_at timestamptz,
    closed_at timestamptz,
    outcome VARCHAR,
    CONSTRAINT pk_checkouts PRIMARY KEY (id),
    CONSTRAINT ck_checkouts_outcome
        CHECK ((closed_at is null) = (outcome is null) and outcome in ('paid', 'failed', 'expired')),
    CONSTRAINT fk_checkouts_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id)
);
CREATE INDEX ix_checkouts_donation_id ON checkouts (donation_id);
CREATE INDEX ix_checkouts_payment ON checkouts (payment_id) WHERE payment_id is not null;
CREATE UNIQUE INDEX uq_checkouts_open ON checkouts (donation_id) WHERE closed_at is null;
CREATE UNIQUE INDEX uq_checkouts_session ON checkouts (account, session_id);

CREATE TABLE ledger_transactions (
    id UUID NOT NULL,
    kind VARCHAR NOT NULL,
    entity_id UUID NOT NULL,
    donation_id UUID NOT NULL,
    reference VARCHAR NOT NULL,
    at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL,
    written_by XID8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT pk_ledger_transactions PRIMARY KEY (id),
    CONSTRAINT ck_ledger_transactions_kind CHECK (kind in ('gift', 'fee', 'refund')),
    CONSTRAINT uq_ledger_transactions_entity_id_kind_reference UNIQUE (entity_id, kind, reference),
    CONSTRAINT fk_ledger_transactions_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id)
);
CREATE INDEX ix_ledger_transactions_donation_id ON ledger_transactions (donation_id);

CREATE TABLE refunds (
    id UUID NOT NULL,
    donation_id UUID NOT NULL,
    account VARCHAR NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    note VARCHAR NOT NULL,
    requested_by UUID,
    requested_at timestamptz NOT NULL,
    retry_at timestamptz NOT NULL,
    provider_refund_id VARCHAR,
    completed_at timestamptz,
    failed_at timestamptz,
    failure VARCHAR,
    caller TEXT,
    route TEXT,
    idempotency_key TEXT,
    wish_hash BYTEA,
    claimed_until timestamptz,
    CONSTRAINT pk_refunds PRIMARY KEY (id),
    CONSTRAINT uq_refunds_caller_route_idempotency_key UNIQUE (caller, route, idempotency_key),
    CONSTRAINT ck_refunds_amount CHECK (amount_minor > 0),
    CONSTRAINT ck_refunds_reason CHECK (reason in ('error', 'duplicate', 'fraud', 'annulment', 'provider')),
    CONSTRAINT ck_refunds_requested_by CHECK ((requested_by is null) = (reason = 'provider')),
    CONSTRAINT ck_refunds_one_end CHECK (completed_at is null or failed_at is null),
    CONSTRAINT ck_refunds_failure CHECK ((failed_at is null) = (failure is null)),
    CONSTRAINT fk_refunds_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id)
);
CREATE INDEX ix_refunds_donation_id ON refunds (donation_id);
CREATE INDEX ix_refunds_waiting ON refunds (retry_at) WHERE completed_at is null and failed_at is null;
CREATE UNIQUE INDEX uq_refunds_live ON refunds (donation_id) WHERE failed_at is null;
CREATE UNIQUE INDEX uq_refunds_provider ON refunds (account, provider_refund_id);

CREATE TABLE settlements (
    donation_id UUID NOT NULL,
    checkout_id UUID NOT NULL,
    account VARCHAR NOT NULL,
    payment_id VARCHAR NOT NULL,
    paid_at timestamptz NOT NULL,
    settled_at timestamptz NOT NULL,
    retry_at timestamptz NOT NULL,
    charge_id VARCHAR,
    movement_id VARCHAR,
    fee_minor BIGINT,
    method_kind VARCHAR,
    method_brand VARCHAR,
    method_last4 VARCHAR,
    detailed_at timestamptz,
    CONSTRAINT pk_settlements PRIMARY KEY (donation_id),
    CONSTRAINT ck_settlements_fee CHECK (fee_minor >= 0),
    CONSTRAINT ck_settlements_details CHECK ((detailed_at is null) = (fee_minor is null)),
    CONSTRAINT fk_settlements_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id)
);
CREATE INDEX ix_settlements_charge ON settlements (charge_id) WHERE charge_id is not null;
CREATE INDEX ix_settlements_without_details ON settlements (retry_at) WHERE detailed_at is null;
CREATE UNIQUE INDEX uq_settlements_payment ON settlements (account, payment_id);

CREATE TABLE ledger_entries (
    transaction_id UUID NOT NULL,
    line INTEGER NOT NULL,
    account VARCHAR NOT NULL,
    fund_id UUID,
    campaign_id UUID,
    currency VARCHAR NOT NULL,
    debit_minor BIGINT NOT NULL,
    credit_minor BIGINT NOT NULL,
    CONSTRAINT pk_ledger_entries PRIMARY KEY (transaction_id, line),
    CONSTRAINT ck_ledger_entries_account CHECK (account in ('provider', 'gifts', 'fees')),
    CONSTRAINT ck_ledger_entries_one_side
        CHECK (debit_minor >= 0 and credit_minor >= 0 and (debit_minor = 0) <> (credit_minor = 0)),
    CONSTRAINT ck_ledger_entries_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_ledger_entries_purpose
        CHECK ((account = 'gifts') = (fund_id is not null) and (fund_id is null) = (campaign_id is null)),
    CONSTRAINT fk_ledger_entries_transaction_id FOREIGN KEY(transaction_id)
        REFERENCES ledger_transactions (id)
);
CREATE INDEX ix_ledger_entries_campaign_id ON ledger_entries (campaign_id) WHERE campaign_id is not null;
"""

# Every entry is checked at commit: its transaction balances in each currency, and was written whole, in
# one commit. Deferred, so that the lines of a transaction may be inserted one by one.
LEDGER_GUARD = """
create function ledger_balanced() returns trigger language plpgsql as $$
begin
  if exists (select from ledger_entries where transaction_id = new.transaction_id
             group by currency having sum(debit_minor) <> sum(credit_minor)) then
    raise exception 'ledger transaction % does not balance', new.transaction_id
      using errcode = 'check_violation', constraint = 'ledger_balanced', table = 'ledger_entries';
  end if;
  if not exists (select from ledger_transactions
                 where id = new.transaction_id and written_by = pg_current_xact_id()) then
    raise exception 'ledger transaction % was written before', new.transaction_id
      using errcode = 'check_violation', constraint = 'ledger_written_whole', table = 'ledger_entries';
  end if;
  return null;
end $$;

create constraint trigger ledger_balanced after insert on ledger_entries
  deferrable initially deferred for each row execute function ledger_balanced();
"""

# Whom a donor counts as: the person, after all merges; a guest counts as themselves.
PARTY = """
create function party_of(donor uuid) returns uuid language sql stable as $$
  with recursive walk (id, depth) as (
    select coalesce(person_id, id), 0 from donors where id = donor
    union all
    select donors.merged_into, depth + 1 from walk join donors using (id)
    where donors.merged_into is not null and depth < 32
  )
  select id from walk order by depth desc limit 1
$$;
"""

TAX_RATES = """
insert into tax_rates (regime, from_on, rate_percent, ceiling_percent, source, review_on) values
  ('income_tax', '2005-01-01', 66, 20, 'CGI, art. 200, 1', '2027-03-01');
"""


def upgrade() -> None:
    create_kit(op.get_bind())
    for script in ("create extension if not exists pg_trgm;", TABLES, LEDGER_GUARD, PARTY, TAX_RATES):
        op.get_bind().execute(text(script.replace(":", r"\:")))
