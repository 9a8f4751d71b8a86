"""Guests, who have no verified address, stand in no index of verified addresses any more.

Each guest waited in it to be sorted in, and whoever looked for an address read through all who waited.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(
            "create index concurrently if not exists ix_donors_marks on donors"
            " using gin (verified) where verified <> '{}'"
        )
        op.execute("drop index concurrently if exists ix_donors_verified")
