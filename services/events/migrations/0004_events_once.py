"""An event drafted twice under one key is one, whatever it has become since."""

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"

COLUMNS = """
alter table events
    add column if not exists caller text,
    add column if not exists route text,
    add column if not exists idempotency_key text,
    add column if not exists wish_hash bytea,
    add column if not exists claimed_until timestamptz
"""
INDEX = """
create unique index concurrently if not exists uq_events_caller_route_idempotency_key
    on events (caller, route, idempotency_key)
"""
KEY = """
alter table events add constraint uq_events_caller_route_idempotency_key
    unique using index uq_events_caller_route_idempotency_key
"""


def upgrade() -> None:
    op.execute(text(COLUMNS))
    with op.get_context().autocommit_block():
        op.execute(text(INDEX))
    op.execute(text(KEY))
