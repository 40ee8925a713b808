"""Let duplicates be merged, finished cases be taken up again, and what comes from outside be taken in once.

A program from before goes on: it knows neither table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "case_link",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("from_case_key", Key, nullable=False),
        sa.Column("to_case_key", Key, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('MERGED', 'REOPENED')", name=op.f("ck_case_link_kind")),
        sa.ForeignKeyConstraint(["from_case_key"], ["case.key"], name=op.f("fk_case_link_from_case_key")),
        sa.ForeignKeyConstraint(["to_case_key"], ["case.key"], name=op.f("fk_case_link_to_case_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_case_link")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_case_link_from_case_key"), "case_link", ["from_case_key"])
    op.create_index(op.f("ix_case_link_to_case_key"), "case_link", ["to_case_key"])
    op.create_table(
        "receipt",
        sa.Column("origin", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_receipt_case_key")),
        sa.PrimaryKeyConstraint("origin", "reference", name=op.f("pk_receipt")),
    )
    op.create_index(op.f("ix_receipt_case_key"), "receipt", ["case_key"])
