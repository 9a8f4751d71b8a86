"""Tax receipts: numbered, frozen, chained, voided by rows of their own; who may issue them, and the law."""

from alembic import op
from sqlalchemy import text

revision = "0015"
down_revision = "0014"

COLUMNS = """
alter table entities
    add column rna varchar,
    add column address jsonb,
    add column purpose varchar,
    add column category varchar,
    add column receipt_series varchar,
    add column entitlements jsonb not null default '{}',
    add column signatories jsonb not null default '[]',
    add column date_rules jsonb not null default '{}';
alter table funds add column sheltered_body varchar;
alter table donations
    add column receipt_to jsonb,
    add column receipt_rhythm varchar not null default 'each',
    add column for_wealth_tax boolean not null default false;
alter table entities add constraint ck_entities_rna check (rna ~ '^W[0-9]{9}$') not valid;
alter table entities add constraint ck_entities_receipt_series
    check (receipt_series ~ '^[A-Z0-9]{1,12}$') not valid;
alter table donations add constraint ck_donations_receipt_rhythm
    check (receipt_rhythm in ('each', 'yearly')) not valid;
"""

TABLES = """
CREATE TABLE receipts (
    id UUID NOT NULL,
    entity_id UUID NOT NULL,
    series VARCHAR NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    article VARCHAR NOT NULL,
    party_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR NOT NULL,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by UUID,
    replaces_id UUID,
    frozen JSONB NOT NULL,
    CONSTRAINT pk_receipts PRIMARY KEY (id),
    CONSTRAINT uq_receipts_entity_id_series_year_number UNIQUE (entity_id, series, year, number),
    CONSTRAINT ck_receipts_positive CHECK (number > 0 and amount_minor > 0),
    CONSTRAINT ck_receipts_article CHECK (article in ('200', '238bis', '978')),
    CONSTRAINT ck_receipts_period CHECK (first_on <= last_on),
    CONSTRAINT fk_receipts_entity_id FOREIGN KEY(entity_id) REFERENCES entities (id),
    CONSTRAINT fk_receipts_replaces_id FOREIGN KEY(replaces_id) REFERENCES receipts (id)
);
CREATE INDEX ix_receipts_newest ON receipts (issued_at, id);
CREATE TABLE receipt_addressees (
    receipt_id UUID NOT NULL,
    salt BYTEA NOT NULL,
    detail JSONB NOT NULL,
    CONSTRAINT pk_receipt_addressees PRIMARY KEY (receipt_id),
    CONSTRAINT fk_receipt_addressees_receipt_id FOREIGN KEY(receipt_id) REFERENCES receipts (id)
);
CREATE TABLE receipt_lines (
    receipt_id UUID NOT NULL,
    donation_id UUID NOT NULL,
    turn INTEGER NOT NULL,
    amount_minor BIGINT NOT NULL,
    paid_on DATE NOT NULL,
    means VARCHAR NOT NULL,
    CONSTRAINT pk_receipt_lines PRIMARY KEY (receipt_id, donation_id),
    CONSTRAINT uq_receipt_lines_donation_id_turn UNIQUE (donation_id, turn),
    CONSTRAINT ck_receipt_lines_positive CHECK (amount_minor > 0 and turn >= 0),
    CONSTRAINT fk_receipt_lines_receipt_id FOREIGN KEY(receipt_id) REFERENCES receipts (id),
    CONSTRAINT fk_receipt_lines_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id)
);
CREATE TABLE receipt_voids (
    receipt_id UUID NOT NULL,
    reason VARCHAR NOT NULL,
    note VARCHAR NOT NULL,
    voided_at timestamptz NOT NULL,
    voided_by UUID,
    CONSTRAINT pk_receipt_voids PRIMARY KEY (receipt_id),
    CONSTRAINT ck_receipt_voids_reason CHECK (reason in ('refund', 'dispute', 'counterpart', 'error')),
    CONSTRAINT fk_receipt_voids_receipt_id FOREIGN KEY(receipt_id) REFERENCES receipts (id)
);
CREATE TABLE receipt_chain (
    entity_id UUID NOT NULL,
    position INTEGER NOT NULL,
    receipt_id UUID NOT NULL,
    fact VARCHAR NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_receipt_chain PRIMARY KEY (entity_id, position),
    CONSTRAINT uq_receipt_chain_receipt_id_fact UNIQUE (receipt_id, fact),
    CONSTRAINT ck_receipt_chain_position CHECK (position > 0),
    CONSTRAINT ck_receipt_chain_fact CHECK (fact in ('issued', 'voided')),
    CONSTRAINT fk_receipt_chain_entity_id FOREIGN KEY(entity_id) REFERENCES entities (id),
    CONSTRAINT fk_receipt_chain_receipt_id FOREIGN KEY(receipt_id) REFERENCES receipts (id)
);
CREATE TABLE receipt_series (
    entity_id UUID NOT NULL,
    series VARCHAR NOT NULL,
    year INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    CONSTRAINT pk_receipt_series PRIMARY KEY (entity_id, series, year),
    CONSTRAINT ck_receipt_series_positive CHECK (last_number > 0),
    CONSTRAINT fk_receipt_series_entity_id FOREIGN KEY(entity_id) REFERENCES entities (id)
);
CREATE TABLE receipt_cases (
    donation_id UUID NOT NULL,
    entity_id UUID NOT NULL,
    reasons TEXT[] NOT NULL,
    receipt_id UUID,
    look_at timestamptz,
    CONSTRAINT pk_receipt_cases PRIMARY KEY (donation_id),
    CONSTRAINT ck_receipt_cases_issued CHECK (receipt_id is null or (look_at is null and reasons = '{}')),
    CONSTRAINT fk_receipt_cases_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id),
    CONSTRAINT fk_receipt_cases_receipt_id FOREIGN KEY(receipt_id) REFERENCES receipts (id)
);
CREATE INDEX ix_receipt_cases_look_at ON receipt_cases (look_at) WHERE look_at is not null;
CREATE INDEX ix_receipt_cases_open ON receipt_cases (entity_id, donation_id) WHERE receipt_id is null;
CREATE INDEX ix_receipt_cases_receipt_id ON receipt_cases (receipt_id) WHERE receipt_id is not null;
CREATE TABLE receipt_batches (
    id UUID NOT NULL,
    entity_id UUID NOT NULL,
    year INTEGER NOT NULL,
    asked_by UUID,
    asked_at timestamptz NOT NULL,
    expected INTEGER NOT NULL,
    done INTEGER NOT NULL,
    issued INTEGER NOT NULL,
    after UUID,
    finished_at timestamptz,
    caller TEXT,
    route TEXT,
    idempotency_key TEXT,
    wish_hash BYTEA,
    claimed_until timestamptz,
    CONSTRAINT pk_receipt_batches PRIMARY KEY (id),
    CONSTRAINT uq_receipt_batches_caller_route_idempotency_key UNIQUE (caller, route, idempotency_key),
    CONSTRAINT ck_receipt_batches_counts CHECK (done >= 0 and issued >= 0),
    CONSTRAINT fk_receipt_batches_entity_id FOREIGN KEY(entity_id) REFERENCES entities (id)
);
CREATE INDEX ix_receipt_batches_open ON receipt_batches (asked_at) WHERE finished_at is null;
CREATE TABLE tax_parameters (
    name VARCHAR NOT NULL,
    from_on DATE NOT NULL,
    value BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    review_on DATE NOT NULL,
    reviewed_by UUID,
    reviewed_at timestamptz,
    CONSTRAINT pk_tax_parameters PRIMARY KEY (name, from_on),
    CONSTRAINT ck_tax_parameters_positive CHECK (value >= 0)
);
CREATE TABLE counterparts (
    id UUID NOT NULL,
    donation_id UUID NOT NULL,
    description VARCHAR NOT NULL,
    value_minor BIGINT NOT NULL,
    entered_at timestamptz NOT NULL,
    entered_by UUID,
    caller TEXT,
    route TEXT,
    idempotency_key TEXT,
    wish_hash BYTEA,
    claimed_until timestamptz,
    CONSTRAINT pk_counterparts PRIMARY KEY (id),
    CONSTRAINT uq_counterparts_caller_route_idempotency_key UNIQUE (caller, route, idempotency_key),
    CONSTRAINT ck_counterparts_value CHECK (value_minor > 0),
    CONSTRAINT fk_counterparts_donation_id FOREIGN KEY(donation_id) REFERENCES donations (id)
);
CREATE INDEX ix_counterparts_donation_id ON counterparts (donation_id);
"""

# A gift on a receipt, while another that holds it is not voided: refused, whoever asks. Two at once meet at
# the key on gift and turn, for they count the same turns.
GUARD = """
create function receipt_line_free() returns trigger language plpgsql as $$
begin
  if new.turn <> (select count(*) from receipt_lines
                  where donation_id = new.donation_id and receipt_id <> new.receipt_id)
  or exists (select from receipt_lines l where l.donation_id = new.donation_id
             and l.receipt_id <> new.receipt_id
             and not exists (select from receipt_voids v where v.receipt_id = l.receipt_id)) then
    raise exception 'donation % is on a valid receipt', new.donation_id
      using errcode = 'unique_violation', constraint = 'receipt_line_free', table = 'receipt_lines';
  end if;
  return new;
end $$;

create trigger receipt_line_free before insert on receipt_lines
  for each row execute function receipt_line_free();
"""

PARAMETERS = """
insert into tax_parameters (name, from_on, value, source, review_on) values
  ('counterpart_share_percent_hundredths', '2021-01-01', 2500, 'BOI-IR-RICI-250-20, § 130', '2027-03-01'),
  ('counterpart_ceiling_minor', '2021-01-01', 7300, 'CGI, ann. II, art. 17 G (2021)', '2026-01-01'),
  ('company_counterpart_share_percent_hundredths', '2003-01-01', 2500,
   'BOI-BIC-RICI-20-30-10-20 (usage)', '2027-03-01'),
  ('company_agreement_minor', '2026-01-01', 500000, 'Choix de l’établissement', '2027-03-01'),
  ('wealth_tax_rate_percent_hundredths', '2018-01-01', 7500, 'CGI, art. 978, I', '2027-03-01'),
  ('wealth_tax_ceiling_minor', '2018-01-01', 5000000, 'CGI, art. 978, I', '2027-03-01'),
  ('company_rate_percent_hundredths', '2020-01-01', 6000, 'CGI, art. 238 bis, 2', '2027-03-01'),
  ('company_rate_above_percent_hundredths', '2020-01-01', 4000, 'CGI, art. 238 bis, 2', '2027-03-01'),
  ('company_rate_threshold_minor', '2020-01-01', 200000000, 'CGI, art. 238 bis, 2', '2027-03-01'),
  ('company_base_minor', '2020-01-01', 2000000, 'CGI, art. 238 bis, 3', '2027-03-01'),
  ('declaration_months', '2022-01-01', 3, 'CGI, art. 222 bis', '2027-03-01'),
  ('public_appeal_minor', '2020-01-01', 15300000, 'Décret n° 2019-504, art. 1', '2027-03-01'),
  ('large_gifts_minor', '2001-01-01', 15300000, 'Code de commerce, art. D. 612-5', '2027-03-01');
"""


def upgrade() -> None:
    connection = op.get_bind()
    for script in (COLUMNS, TABLES, GUARD, PARAMETERS):
        connection.execute(text(script.replace(":", r"\:")))
