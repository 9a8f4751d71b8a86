"""Notes, and the kit's tables."""

from alembic import op

from shared.schema import create_kit
from tests.support.small.models import Note

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kit(op.get_bind())
    Note.__table__.create(op.get_bind())  # type: ignore[attr-defined]
