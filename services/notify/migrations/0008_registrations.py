"""Registrations as events tells of them, and the calendar file that goes with an email."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
create table registrations (
    registration_id uuid primary key,
    party_id uuid not null,
    event_id uuid not null,
    event_slug text not null,
    event_title_fr text not null,
    event_title_en text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    time_zone text not null,
    place text not null,
    revision integer not null,
    seats integer not null,
    confirmed_at timestamptz,
    cancelled_at timestamptz,
    cancel_reason text,
    constraint ck_registrations_seats check (seats > 0),
    constraint ck_registrations_cancelled check ((cancelled_at is null) = (cancel_reason is null))
);
create index ix_registrations_party_id on registrations (party_id);
alter table emails add column calendar jsonb;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES)
