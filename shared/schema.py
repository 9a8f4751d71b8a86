"""Tables that every service has: outbox, inbox, dead letters, leases, heartbeats, limits, audit.

They are Core tables, so that one statement serves any service's database. `service_metadata()` gives
a service's own metadata with a copy of them; its first migration calls `create_kit`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.db import NAMING

kit = MetaData(naming_convention=NAMING)


def _instant(name: str, **options: object) -> Column[object]:
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


outbox = Table(
    "outbox",
    kit,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("correlation_id", Uuid, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", Text, comment="JSON object; null is a tombstone"),
    Column("contact", Text, comment="JSON object of the personal part, cleared after its time"),
    _instant("published_at"),
    Index("ix_outbox_unpublished", "position", postgresql_where=text("published_at IS NULL")),
    Index("ix_outbox_correlation_id", "correlation_id"),
    postgresql_partition_by="RANGE (id)",
)

relay_state = Table(
    "relay_state",
    kit,
    Column("one", Integer, primary_key=True, server_default="1"),
    Column("cluster_id", Text, nullable=False),
    _instant("since", nullable=False, server_default=func.now()),
)

inbox = Table(
    "inbox",
    kit,
    Column("consumer", Text, primary_key=True),
    Column("message_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("correlation_id", Uuid),
    _instant("handled_at", nullable=False, server_default=func.clock_timestamp()),
    Index("ix_inbox_correlation_id", "correlation_id"),
    postgresql_partition_by="RANGE (message_id)",
)

dead_letters = Table(
    "dead_letters",
    kit,
    Column("id", Uuid, primary_key=True, comment="made of consumer and message: one letter each"),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", Text),
    Column("type", Text),
    Column("message_id", Uuid),
    Column("correlation_id", Uuid),
    Column("headers", JSONB, nullable=False),
    Column("payload", Text, comment="the value as it came, without its personal part; null is a tombstone"),
    Column("contact", Text, comment="the personal part, cleared after 30 days"),
    Column("reason", Text, nullable=False, comment="class of the error, SQLSTATE, constraint; no value"),
    _instant("died_at", nullable=False, server_default=func.clock_timestamp()),
    Column("tries", Integer, nullable=False, server_default="1"),
    _instant("replay_asked_at"),
    _instant("replayed_at"),
    _instant("discarded_at"),
    Column("closed_by", Uuid, comment="who asked for the replay or the discard"),
    Column("discard_reason", Text),
    Index(
        "ix_dead_letters_waiting",
        "consumer",
        "topic",
        "key",
        postgresql_where=text("replayed_at IS NULL AND discarded_at IS NULL"),
    ),
)

held_messages = Table(
    "held_messages",
    kit,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text),
    Column("message_id", Uuid, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", Text),
    Column("contact", Text),
    _instant("held_at", nullable=False, server_default=func.clock_timestamp()),
    # By the message's id and not by its offset: offsets begin again at 0 when a broker was emptied.
    UniqueConstraint("consumer", "message_id"),
    Index("ix_held_messages_key", "consumer", "topic", "key", "position"),
)

leases = Table(
    "leases",
    kit,
    Column("job", Text, primary_key=True),
    Column("holder", Uuid, nullable=False),
    _instant("until", nullable=False),
    _instant("last_run_at"),
    Column("last_result", Text),
)

heartbeats = Table(
    "heartbeats",
    kit,
    Column("worker", Text, primary_key=True),
    _instant("beat_at", nullable=False),
    _instant("started_at", nullable=False),
    Column("state", JSONB, nullable=False),
)

rate_limits = Table(
    "rate_limits",
    kit,
    Column("bucket", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _instant("window_started_at", nullable=False),
    Column("taken", Integer, nullable=False),
    prefixes=["UNLOGGED"],
)

audit_entries = Table(
    "audit_entries",
    kit,
    Column("number", BigInteger, primary_key=True),
    _instant("at", nullable=False),
    Column("by", Uuid, comment="person who acted; null is the system"),
    Column("action", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("fields", ARRAY(Text), nullable=False, server_default="{}"),
    Column("right", Text, comment="the right it was done with"),
    Column("reason", Text, comment="a code, never prose"),
    Column("detail_hash", LargeBinary),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_entries_subject", "subject_kind", "subject_id", "number"),
    info={"append_only": True},
)

audit_details = Table(
    "audit_details",
    kit,
    Column("number", BigInteger, ForeignKey("audit_entries.number"), primary_key=True),
    Column("salt", LargeBinary),
    Column("detail", Text),
    Column("erased_under", Uuid, comment="the erasure request that took the detail away"),
)

_PARTITIONS = """
create function kit_make_partitions(months_ahead int, months_kept int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  parent text; month timestamptz; child record; made int := 0;
  this_month timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
begin
  foreach parent in array array['outbox', 'inbox'] loop
    for step in -1 .. months_ahead loop
      month := (this_month at time zone 'UTC' + make_interval(months => step)) at time zone 'UTC';
      if to_regclass(parent || to_char(month at time zone 'UTC', '"_y"YYYY"m"MM')) is null then
        execute format('create table %I partition of %I for values from (%L) to (%L)',
          parent || to_char(month at time zone 'UTC', '"_y"YYYY"m"MM'), parent,
          kit_uuid7_floor(month),
          kit_uuid7_floor((month at time zone 'UTC' + interval '1 month') at time zone 'UTC'));
        made := made + 1;
      end if;
    end loop;
    for child in
      select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = parent::regclass
        and to_date(right(c.relname, 7), 'YYYY"m"MM')
            < (this_month at time zone 'UTC' - make_interval(months => months_kept))::date
    loop
      execute format('drop table %I', child.relname);
    end loop;
  end loop;
  return made;
end $$
"""

_FLOOR = """
create function kit_uuid7_floor(at timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$
"""


_TRAIL_END = """
create or replace function kit_trail_end(out number bigint, out hash bytea)
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('audit_entries'));
  select e.number, e.hash into number, hash from audit_entries e order by e.number desc limit 1;
  if not found then
    number := 0;
    hash := decode(repeat('00', 32), 'hex');
  end if;
end $$
"""
"""Locks the audit trail until the transaction ends, then reads its last row. Why it is a function: each
statement of one sees what was committed before that statement, and so during its wait for the lock."""


def create_kit(connection: Connection) -> None:
    """Make the kit's tables and the partitions of the months around now (first migration of a service)."""
    kit.create_all(connection, checkfirst=False)
    connection.execute(text(_FLOOR))
    connection.execute(text(_PARTITIONS))
    connection.execute(text("revoke execute on function kit_make_partitions from public"))
    make_partitions(connection)
    create_trail_end(connection)


def create_trail_end(connection: Connection) -> None:
    """Make the function by which rows of the audit trail follow each other."""
    connection.execute(text(_TRAIL_END))


def make_partitions(connection: Connection, *, months_ahead: int = 3, months_kept: int = 13) -> int:
    """Make the partitions of outbox and inbox up to `months_ahead`, drop older ones; how many were made."""
    statement = text("select kit_make_partitions(:ahead, :kept)")
    return int(connection.execute(statement, {"ahead": months_ahead, "kept": months_kept}).scalar_one())


def service_metadata() -> MetaData:
    """A service's own metadata, the kit's tables in it."""
    metadata = MetaData(naming_convention=NAMING)
    for table in kit.tables.values():
        table.to_metadata(metadata)
    return metadata
