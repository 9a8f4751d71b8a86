"""Who comes is found among the registrations of all events."""

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"

INDEX = """
create index concurrently if not exists ix_registrations_search on registrations
 using gin (search gin_trgm_ops)
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(text(INDEX))
