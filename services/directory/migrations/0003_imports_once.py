"""A file sent twice under one key is one import."""

from alembic import op

revision = "0003"
down_revision = "0002"

COLUMNS = """
alter table imports
    add column caller text,
    add column route text,
    add column idempotency_key text,
    add column wish_hash bytea,
    add column claimed_until timestamptz,
    add constraint uq_imports_caller_route_idempotency_key unique (caller, route, idempotency_key);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMNS)
