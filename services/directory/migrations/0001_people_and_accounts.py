"""People, accounts, sessions, links and imports."""

from alembic import op

from shared.schema import create_kit

revision = "0001"
down_revision = None

FOLD = """
create extension if not exists unaccent;

-- One form of a name for searching and sorting: no accents, no capitals, and any run of punctuation or
-- white space one space, so that "D’Aubigné" is found by "d'aubigne" and by "d aubigne".
create function fold(name text) returns text language sql immutable strict parallel safe as $$
  select btrim(regexp_replace(lower(public.unaccent('public.unaccent'::regdictionary, name)),
                              E'[[:punct:][:space:]\\u00a0\\u2019\\u202f]+', ' ', 'g'))
$$;
"""

TABLES = """
create table erased_people (
    person_id uuid not null,
    version bigint not null,
    erased_at timestamptz not null,
    constraint pk_erased_people primary key (person_id)
);

create table imports (
    id uuid not null,
    filename text not null,
    encoding text not null,
    delimiter text not null,
    columns jsonb not null,
    ignored jsonb not null,
    header jsonb not null,
    informed_by text,
    rows integer not null,
    people integer not null,
    created integer not null,
    updated integer not null,
    unchanged integer not null,
    refused integer not null,
    done_through text collate "C",
    done integer not null,
    tries integer not null,
    checked_by uuid,
    checked_at timestamptz not null,
    confirmed_by uuid,
    confirmed_at timestamptz,
    completed_at timestamptz,
    failed_at timestamptz,
    failure text,
    constraint pk_imports primary key (id),
    constraint ck_imports_confirmed_first check (completed_at is null or confirmed_at is not null),
    constraint ck_imports_one_end check (completed_at is null or failed_at is null),
    constraint ck_imports_done check (done <= people)
);
create index ix_imports_waiting on imports (confirmed_at)
    where confirmed_at is not null and completed_at is null and failed_at is null;

create table people (
    id uuid not null,
    school_id text,
    given_name text not null,
    preferred_name text,
    family_name text not null,
    birth_name text,
    born_on date,
    city text,
    locale text not null,
    informed_at timestamptz,
    informed_by text,
    version bigint not null,
    created_at timestamptz default now() not null,
    changed_at timestamptz default now() not null,
    family_first text collate "C" generated always as
        (fold(family_name || ' ' || coalesce(preferred_name, given_name))) stored not null,
    given_first text collate "C" generated always as
        (fold(coalesce(preferred_name, given_name) || ' ' || family_name)) stored not null,
    birth_first text collate "C" generated always as
        (fold(birth_name || ' ' || coalesce(preferred_name, given_name))) stored,
    constraint pk_people primary key (id),
    constraint ck_people_locale check (locale in ('fr', 'en')),
    constraint ck_people_version check (version >= 0),
    constraint ck_people_named check (given_name <> '' and family_name <> ''),
    constraint ck_people_informed check ((informed_at is null) = (informed_by is null)),
    constraint uq_people_school_id unique (school_id)
);
create index ix_people_birth_first on people (birth_first);
create index ix_people_family_first on people (family_first, id);
create index ix_people_given_first on people (given_first);

create table sign_in_requests (
    id uuid not null,
    email text not null,
    locale text not null,
    next text,
    asked_at timestamptz not null,
    constraint pk_sign_in_requests primary key (id)
);

create table accounts (
    id uuid not null,
    person_id uuid not null,
    email text not null,
    password_hash text,
    totp_sealed text,
    totp_confirmed_at timestamptz,
    totp_step integer,
    opened_at timestamptz default now() not null,
    disabled_at timestamptz,
    constraint pk_accounts primary key (id),
    constraint ck_accounts_email check (email = lower(email)),
    constraint ck_accounts_totp check (totp_confirmed_at is null or totp_sealed is not null),
    constraint uq_accounts_person_id unique (person_id),
    constraint fk_accounts_person_id foreign key(person_id) references people (id),
    constraint uq_accounts_email unique (email)
);

create table consents (
    id uuid not null,
    person_id uuid not null,
    purpose text not null,
    channel text,
    said text not null,
    wording text not null,
    source text not null,
    said_at timestamptz not null,
    recorded_by uuid,
    recorded_at timestamptz default now() not null,
    constraint pk_consents primary key (id),
    constraint ck_consents_said check (said in ('yes', 'no')),
    constraint ck_consents_channel check (channel in ('email', 'post', 'phone')),
    constraint fk_consents_person_id foreign key(person_id) references people (id) on delete cascade
);
create index ix_consents_person_id on consents (person_id, purpose);

create table degrees (
    id uuid not null,
    person_id uuid not null,
    programme text not null,
    class_year integer not null,
    constraint pk_degrees primary key (id),
    constraint uq_degrees_person_id_programme_class_year unique (person_id, programme, class_year),
    constraint ck_degrees_class_year check (class_year between 1900 and 2100),
    constraint fk_degrees_person_id foreign key(person_id) references people (id) on delete cascade
);
create index ix_degrees_class_year on degrees (class_year, person_id);

create table emails (
    id uuid not null,
    person_id uuid not null,
    address text not null,
    source text not null,
    verified_at timestamptz,
    lost_at timestamptz,
    constraint pk_emails primary key (id),
    constraint uq_emails_person_id_address unique (person_id, address),
    constraint ck_emails_address check (address = lower(address) and position('@' in address) > 1),
    constraint fk_emails_person_id foreign key(person_id) references people (id) on delete cascade
);
create index ix_emails_address on emails (address);
create unique index uq_emails_verified on emails (address) where verified_at is not null;

create table import_rows (
    import_id uuid not null,
    row integer not null,
    school_id text collate "C",
    wish jsonb,
    cells jsonb,
    reason text,
    constraint pk_import_rows primary key (import_id, row),
    constraint ck_import_rows_understood_or_refused check ((wish is null) = (reason is not null)),
    constraint fk_import_rows_import_id foreign key(import_id) references imports (id) on delete cascade
);
create index ix_import_rows_people on import_rows (import_id, school_id, row) where reason is null;
create index ix_import_rows_refused on import_rows (import_id, row) where reason is not null;

create table sign_in_links (
    id uuid not null,
    person_id uuid not null,
    email text not null,
    secret_hash bytea not null,
    next text,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint pk_sign_in_links primary key (id),
    constraint ck_sign_in_links_hashed check (length(secret_hash) = 32),
    constraint ck_sign_in_links_short check (expires_at <= issued_at + interval '15 minutes'),
    constraint fk_sign_in_links_person_id foreign key(person_id) references people (id) on delete cascade,
    constraint uq_sign_in_links_secret_hash unique (secret_hash)
);
create index ix_sign_in_links_expires_at on sign_in_links (expires_at);

create table grants (
    account_id uuid not null,
    "right" text not null,
    granted_by uuid,
    granted_at timestamptz not null,
    constraint pk_grants primary key (account_id, "right"),
    constraint fk_grants_account_id foreign key(account_id) references accounts (id) on delete cascade
);

create table recovery_codes (
    id uuid not null,
    account_id uuid not null,
    code_hash bytea not null,
    used_at timestamptz,
    constraint pk_recovery_codes primary key (id),
    constraint ck_recovery_codes_hashed check (length(code_hash) = 32),
    constraint fk_recovery_codes_account_id foreign key(account_id) references accounts (id) on delete cascade
);
create unique index uq_recovery_codes_code on recovery_codes (account_id, code_hash);

create table sessions (
    id uuid not null,
    account_id uuid not null,
    secret_hash bytea not null,
    method text not null,
    opened_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    address text,
    device text,
    constraint pk_sessions primary key (id),
    constraint ck_sessions_method check (method in ('password', 'link', 'totp', 'recovery_code')),
    constraint ck_sessions_hashed check (length(secret_hash) = 32),
    constraint fk_sessions_account_id foreign key(account_id) references accounts (id) on delete cascade,
    constraint uq_sessions_secret_hash unique (secret_hash)
);
create index ix_sessions_account_id on sessions (account_id) where ended_at is null;
create index ix_sessions_expires_at on sessions (expires_at);
"""


def upgrade() -> None:
    connection = op.get_bind()
    create_kit(connection)
    connection.exec_driver_sql(FOLD)
    connection.exec_driver_sql(TABLES)
