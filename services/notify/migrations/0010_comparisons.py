"""Events as they are in a CRM, comparisons with it, and what differs."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
create table crm_events (
    subscription_id uuid not null,
    event_id uuid not null,
    written jsonb default '{}' not null,
    made_at timestamptz,
    held_by uuid,
    held_until timestamptz,
    constraint pk_crm_events primary key (subscription_id, event_id),
    constraint fk_crm_events_subscription_id foreign key (subscription_id) references subscriptions (id)
);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES)
