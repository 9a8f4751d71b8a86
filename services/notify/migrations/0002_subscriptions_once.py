"""A subscription asked for twice under one key is one, with one secret."""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = """
alter table subscriptions
    add column caller text,
    add column route text,
    add column idempotency_key text,
    add column wish_hash bytea,
    add column claimed_until timestamptz,
    add constraint uq_subscriptions_caller_route_idempotency_key unique (caller, route, idempotency_key);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMNS)
