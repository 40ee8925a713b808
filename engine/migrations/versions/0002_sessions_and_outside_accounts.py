"""Let sessions be ended from here, and persons sign in through a provider outside.

A program from before goes on: it neither reads nor writes the new columns, and their defaults mean "as before".
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("session_stamp", sa.String(length=32), server_default="", nullable=False))
    op.add_column("person", sa.Column("outside_id", sa.String(length=600)))
    known = sa.text("outside_id IS NOT NULL")
    op.create_index(
        "uq_person_outside_id", "person", ["outside_id"], unique=True, postgresql_where=known, sqlite_where=known
    )
