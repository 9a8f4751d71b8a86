"""An email asked for again twice under one key is sent once."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLE = """
create table resends (
    id uuid not null,
    email_id uuid,
    asked_at timestamptz not null,
    caller text,
    route text,
    idempotency_key text,
    wish_hash bytea,
    claimed_until timestamptz,
    constraint pk_resends primary key (id),
    constraint uq_resends_caller_route_idempotency_key unique (caller, route, idempotency_key),
    constraint fk_resends_email_id_emails foreign key (email_id) references emails (id) on delete cascade
);
create index ix_resends_email_id on resends (email_id);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLE)
