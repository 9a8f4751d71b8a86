"""Why an email was put off, by class of trouble."""

from alembic import op

revision = "0006"
down_revision = "0005"

# Until now the answer alone decided: 421 was the server's trouble, any other a mailbox's.
COLUMN = """
alter table emails add column trouble text;
alter table emails add constraint ck_emails_trouble
    check (trouble in ('unreached','refusing','server','mailbox'));
update emails set trouble = 'mailbox'
    where status in ('queued','sending') and answer_code is not null and answer_code not in (-1, 421);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(COLUMN)
