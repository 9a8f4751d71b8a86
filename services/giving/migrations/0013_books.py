"""The books as accountants read them: numbered accounts and transactions, payouts, closed years."""

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"

TABLES = """
alter table entities add column if not exists siren varchar;
alter table entities add column fiscal_year_start_month smallint default 1 not null;
alter table entities add constraint ck_entities_siren check (siren ~ '^[0-9]{9}$') not valid;
alter table entities add constraint ck_entities_fiscal_year_start_month
  check (fiscal_year_start_month between 1 and 12) not valid;

create table ledger_accounts (
  id uuid not null,
  entity_id uuid not null,
  kind varchar not null,
  fund_id uuid,
  number varchar not null,
  label varchar not null,
  constraint pk_ledger_accounts primary key (id),
  constraint fk_ledger_accounts_entity_id foreign key (entity_id) references entities (id),
  constraint fk_ledger_accounts_fund_id_entity_id foreign key (fund_id, entity_id)
    references funds (id, entity_id),
  constraint uq_ledger_accounts_entity_id_kind_fund_id unique nulls not distinct (entity_id, kind, fund_id),
  constraint ck_ledger_accounts_kind check (kind in (
    'bank', 'provider', 'suspense', 'gifts', 'refunds', 'disputes', 'fees', 'carried')),
  constraint ck_ledger_accounts_by_fund check (
    (kind in ('gifts', 'refunds', 'disputes')) = (fund_id is not null)),
  constraint ck_ledger_accounts_number check (number ~ '^[1-8][0-9]{2}[0-9A-Z]{0,12}$'),
  constraint ck_ledger_accounts_label check (length(label) between 1 and 100)
);

create table ledger_numbers (
  entity_id uuid not null,
  year date not null,
  number bigint not null,
  transaction_id uuid not null,
  numbered_at timestamptz not null,
  constraint pk_ledger_numbers primary key (entity_id, year, number),
  constraint uq_ledger_numbers_transaction_id unique (transaction_id),
  constraint fk_ledger_numbers_entity_id foreign key (entity_id) references entities (id),
  constraint fk_ledger_numbers_transaction_id foreign key (transaction_id)
    references ledger_transactions (id),
  constraint ck_ledger_numbers_number check (number > 0)
);

create table payouts (
  id uuid not null,
  entity_id uuid not null,
  account varchar not null,
  provider_payout_id varchar not null,
  amount_minor bigint not null,
  currency varchar not null,
  made_at timestamptz not null,
  arrives_at timestamptz not null,
  arrived_at timestamptz,
  failed_at timestamptz,
  failure varchar,
  retry_at timestamptz not null,
  detailed_at timestamptz,
  constraint pk_payouts primary key (id),
  constraint fk_payouts_entity_id foreign key (entity_id) references entities (id),
  constraint uq_payouts_account_provider_payout_id unique (account, provider_payout_id),
  constraint ck_payouts_amount check (amount_minor <> 0),
  constraint ck_payouts_currency check (currency ~ '^[A-Z]{3}$')
);
create index ix_payouts_entity on payouts (entity_id, made_at, id);
create index ix_payouts_without_details on payouts (retry_at) where detailed_at is null;

create table closings (
  id uuid not null,
  entity_id uuid not null,
  first_day date not null,
  last_day date not null,
  opens_at timestamptz not null,
  closed_at timestamptz not null,
  closed_by uuid,
  note varchar not null,
  accepted jsonb not null,
  balance jsonb not null,
  hash bytea not null,
  constraint pk_closings primary key (id),
  constraint fk_closings_entity_id foreign key (entity_id) references entities (id),
  constraint ck_closings_days check (first_day < last_day),
  constraint ck_closings_accepted_with_a_note check (accepted = '[]' or length(note) > 2)
);
create unique index uq_closings_opens_at on closings (entity_id, opens_at);

alter table settlements add column available_at timestamptz;
alter table settlements add column payout_id uuid;
alter table settlements add column arrived_at timestamptz;
alter table settlements add constraint fk_settlements_payout_id foreign key (payout_id)
  references payouts (id) not valid;
alter table settlements add constraint ck_settlements_arrived_by_payout
  check (arrived_at is null or payout_id is not null) not valid;
alter table ledger_transactions add column value_at timestamptz;
alter table ledger_transactions add constraint ck_ledger_transactions_value_before_booking
  check (value_at < at) not valid;
"""

# Numbers of the plan comptable of associations and foundations (règlement ANC 2018-06): 754 is what the
# generosity of the public gave, and what of it went back stands beside it under the same fund's ending.
CHART = """
create function ledger_accounts_of_entity(entity uuid) returns void language sql as $$
  insert into ledger_accounts (id, entity_id, kind, number, label)
  select uuidv7(), entity, kind, number, label from (values
    ('bank', '512000', 'Banque'),
    ('provider', '517000', 'Prestataire de paiement'),
    ('suspense', '471000', 'Compte d’attente'),
    ('fees', '627800', 'Frais et commissions d’encaissement'),
    ('carried', '110000', 'Report à nouveau')) as made (kind, number, label)
  on conflict do nothing
$$;

create function ledger_accounts_of_fund(fund uuid, entity uuid, name text) returns void language plpgsql as $$
declare ending text;
begin
  perform from entities where id = entity for no key update;
  select lpad(n::text, greatest(3, length(n::text)), '0') into ending from (
    select coalesce(max(substr(number, 6)::bigint), 0) + 1 as n from ledger_accounts
    where entity_id = entity and number ~ '^7541[189][0-9]{3,10}$') as next;
  insert into ledger_accounts (id, entity_id, kind, fund_id, number, label)
  select uuidv7(), entity, kind, fund, prefix || ending, left(label || name, 100) from (values
    ('gifts', '75411', 'Dons manuels – '),
    ('disputes', '75418', 'Dons contestés – '),
    ('refunds', '75419', 'Dons remboursés – ')) as made (kind, prefix, label)
  on conflict do nothing;
end $$;

create function ledger_accounts_made() returns trigger language plpgsql as $$
begin
  if tg_table_name = 'entities' then
    perform ledger_accounts_of_entity(new.id);
  else
    perform ledger_accounts_of_fund(new.id, new.entity_id, new.name);
  end if;
  return null;
end $$;

create trigger ledger_accounts_made after insert on entities
  for each row execute function ledger_accounts_made();
create trigger ledger_accounts_made after insert on funds
  for each row execute function ledger_accounts_made();

select ledger_accounts_of_entity(id) from entities order by created_at, id;
select ledger_accounts_of_fund(id, entity_id, name) from funds order by created_at, id;
"""

# The lock is shared by all who post and had alone by who closes: nobody posts to a year while it is closed.
CLOSED = """
create function ledger_period_open() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(hashtext('ledger_period'), hashtext(new.entity_id::text));
  if exists (select from closings where entity_id = new.entity_id and opens_at > new.at) then
    raise exception 'ledger transaction % is dated in a closed year', new.id
      using errcode = 'check_violation', constraint = 'ledger_period_open', table = 'ledger_transactions';
  end if;
  return new;
end $$;

create trigger ledger_period_open before insert on ledger_transactions
  for each row execute function ledger_period_open();
"""

INDEXES = (
    """
    create index concurrently if not exists ix_ledger_transactions_journal
      on ledger_transactions (entity_id, at, id)
    """,
    """
    create index concurrently if not exists ix_settlements_payout
      on settlements (payout_id) where payout_id is not null
    """,
)


def upgrade() -> None:
    for script in (TABLES, CHART, CLOSED):
        op.get_bind().execute(text(script.replace(":", r"\:")))
    with op.get_context().autocommit_block():
        for index in INDEXES:
            op.execute(text(index))
