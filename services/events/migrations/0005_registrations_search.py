"""Who comes is found by the folded names of all who come.

What was written before, or is by the code before it meanwhile, is folded by a job of schedule.py.
"""

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"

COLUMN = "alter table registrations add column if not exists search text"
INDEX = """
create index concurrently if not exists ix_registrations_unfolded on registrations (id) where search is null
"""


def upgrade() -> None:
    op.execute(text(COLUMN))
    with op.get_context().autocommit_block():
        op.execute(text(INDEX))
