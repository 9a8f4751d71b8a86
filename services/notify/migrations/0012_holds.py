"""What one delivery makes in a CRM and no other may meanwhile; registrations are found by their event."""

from alembic import op

revision = "0012"
down_revision = "0011"

TABLE = """
create table crm_holds (
    subscription_id uuid not null,
    record_id uuid not null,
    held_by uuid not null,
    held_until timestamptz not null,
    constraint pk_crm_holds primary key (subscription_id, record_id),
    constraint fk_crm_holds_subscription_id foreign key (subscription_id) references subscriptions (id)
);
"""

INDEX = "create index concurrently if not exists ix_registrations_event_id on registrations (event_id)"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.get_bind().exec_driver_sql(INDEX)
    op.get_bind().exec_driver_sql(TABLE)
