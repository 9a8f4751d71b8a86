"""The first tables of events, with the guards that the database keeps by itself."""

from alembic import op
from sqlalchemy import text

from shared.schema import create_kit

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE events (
    id UUID NOT NULL,
    slug VARCHAR NOT NULL,
    title JSONB NOT NULL,
    summary JSONB NOT NULL,
    description JSONB NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    time_zone VARCHAR NOT NULL,
    place VARCHAR NOT NULL,
    online_url VARCHAR,
    organiser VARCHAR NOT NULL,
    visibility VARCHAR NOT NULL,
    picture VARCHAR NOT NULL,
    per_registration_max INTEGER NOT NULL,
    registration_closes_at timestamptz,
    withdraw_until timestamptz,
    revision INTEGER NOT NULL,
    search VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    rescheduled_at timestamptz,
    cancelled_at timestamptz,
    cancel_reason JSONB,
    CONSTRAINT pk_events PRIMARY KEY (id),
    CONSTRAINT uq_events_slug UNIQUE (slug),
    CONSTRAINT ck_events_slug CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,98}$'),
    CONSTRAINT ck_events_ends_after_start CHECK (ends_at > starts_at),
    CONSTRAINT ck_events_visibility CHECK (visibility in ('public', 'alumni')),
    CONSTRAINT ck_events_per_registration CHECK (per_registration_max between 1 and 20),
    CONSTRAINT ck_events_revision CHECK (revision >= 0),
    CONSTRAINT ck_events_rescheduled CHECK ((revision = 0) = (rescheduled_at is null))
);
CREATE INDEX ix_events_starts_at ON events (starts_at, id);
CREATE INDEX ix_events_ends_at ON events (ends_at);

CREATE TABLE event_seats (
    event_id UUID NOT NULL,
    seats_max INTEGER,
    taken INTEGER NOT NULL,
    overbooked_by INTEGER NOT NULL,
    CONSTRAINT pk_event_seats PRIMARY KEY (event_id),
    CONSTRAINT fk_event_seats_event_id FOREIGN KEY(event_id) REFERENCES events (id),
    CONSTRAINT ck_event_seats_taken CHECK (taken >= 0),
    CONSTRAINT ck_event_seats_seats_max CHECK (seats_max >= 0),
    CONSTRAINT ck_event_seats_overbooked CHECK (overbooked_by >= 0),
    CONSTRAINT ck_event_seats_not_oversold CHECK (taken <= seats_max + overbooked_by)
) WITH (fillfactor = 10);

CREATE TABLE registrants (
    id UUID NOT NULL,
    person_id UUID,
    version BIGINT NOT NULL,
    merged_into UUID,
    given_name VARCHAR NOT NULL,
    family_name VARCHAR NOT NULL,
    email VARCHAR,
    email_mark VARCHAR,
    verified TEXT[] NOT NULL,
    locale VARCHAR NOT NULL,
    name_key VARCHAR NOT NULL,
    search VARCHAR NOT NULL,
    created_at timestamptz NOT NULL,
    attached_at timestamptz,
    erased_at timestamptz,
    CONSTRAINT pk_registrants PRIMARY KEY (id),
    CONSTRAINT ck_registrants_version CHECK (version >= 0),
    CONSTRAINT ck_registrants_locale CHECK (locale in ('fr', 'en'))
);
CREATE INDEX ix_registrants_merged_into ON registrants (merged_into) WHERE merged_into is not null;
CREATE INDEX ix_registrants_person_id ON registrants (person_id) WHERE id is distinct from person_id;
CREATE INDEX ix_registrants_search ON registrants USING gin (search gin_trgm_ops);
CREATE INDEX ix_registrants_verified ON registrants USING gin (verified);
CREATE UNIQUE INDEX uq_registrants_guest ON registrants (email_mark, name_key)
        WHERE id is distinct from person_id and erased_at is null;

CREATE TABLE registrations (
    id UUID NOT NULL,
    event_id UUID NOT NULL,
    registrant_id UUID NOT NULL,
    email VARCHAR,
    locale VARCHAR NOT NULL,
    seats INTEGER NOT NULL,
    signed_in BOOLEAN NOT NULL,
    created_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    cancel_reason VARCHAR,
    told_revision INTEGER NOT NULL,
    link_version INTEGER NOT NULL,
    caller TEXT,
    route TEXT,
    idempotency_key TEXT,
    wish_hash BYTEA,
    claimed_until timestamptz,
    CONSTRAINT pk_registrations PRIMARY KEY (id),
    CONSTRAINT uq_registrations_caller_route_idempotency_key UNIQUE (caller, route, idempotency_key),
    CONSTRAINT ck_registrations_seats CHECK (seats > 0),
    CONSTRAINT ck_registrations_locale CHECK (locale in ('fr', 'en')),
    CONSTRAINT ck_registrations_cancelled CHECK ((cancelled_at is null) = (cancel_reason is null)),
    CONSTRAINT ck_registrations_cancel_reason
        CHECK (cancel_reason in ('withdrawn', 'by_staff', 'event_cancelled')),
    CONSTRAINT fk_registrations_event_id FOREIGN KEY(event_id) REFERENCES events (id),
    CONSTRAINT fk_registrations_registrant_id FOREIGN KEY(registrant_id) REFERENCES registrants (id)
);
CREATE INDEX ix_registrations_event_id ON registrations (event_id, id);
CREATE INDEX ix_registrations_registrant_id ON registrations (registrant_id, id);
CREATE INDEX ix_registrations_untold ON registrations (event_id, told_revision, id)
        WHERE cancelled_at is null;
CREATE UNIQUE INDEX uq_registrations_member ON registrations (event_id, registrant_id)
        WHERE signed_in and cancelled_at is null;

CREATE TABLE attendees (
    registration_id UUID NOT NULL,
    position INTEGER NOT NULL,
    given_name VARCHAR NOT NULL,
    family_name VARCHAR NOT NULL,
    CONSTRAINT pk_attendees PRIMARY KEY (registration_id, position),
    CONSTRAINT fk_attendees_registration_id FOREIGN KEY(registration_id) REFERENCES registrations (id),
    CONSTRAINT ck_attendees_position CHECK (position > 0)
);
"""

# Whom a registrant counts as: the person, after all merges; a guest counts as themselves.
PARTY = """
create function party_of(registrant uuid) returns uuid language sql stable as $$
  with recursive walk (id, depth) as (
    select coalesce(person_id, id), 0 from registrants where id = registrant
    union all
    select registrants.merged_into, depth + 1 from walk join registrants using (id)
    where registrants.merged_into is not null and depth < 32
  )
  select id from walk order by depth desc limit 1
$$;
"""


def upgrade() -> None:
    create_kit(op.get_bind())
    for script in ("create extension if not exists pg_trgm;", TABLES, PARTY):
        op.get_bind().execute(text(script.replace(":", r"\:")))
