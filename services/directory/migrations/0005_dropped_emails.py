"""An address that staff corrected or removed is remembered, so that an old file does not bring it back."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLE = """
create table dropped_emails (
    person_id uuid not null,
    mark text not null,
    dropped_at timestamptz not null,
    constraint pk_dropped_emails primary key (person_id, mark),
    constraint fk_dropped_emails_person_id foreign key(person_id) references people (id) on delete cascade
);

alter table imports add column emails_withheld integer not null default 0;
alter table imports alter column emails_withheld drop default;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLE)
