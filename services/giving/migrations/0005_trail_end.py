"""The end of the audit trail is locked and read in one statement."""

from alembic import op

from shared.schema import create_trail_end

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_trail_end(op.get_bind())
