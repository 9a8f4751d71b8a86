"""The rules of receipts hold for the rows of before too."""

from alembic import op

revision = "0016"
down_revision = "0015"

CHECKED = """
alter table entities validate constraint ck_entities_rna;
alter table entities validate constraint ck_entities_receipt_series;
alter table donations validate constraint ck_donations_receipt_rhythm;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(CHECKED)
