"""Let limits run on a case, count cases by dimensions, and people stand in for each other.

A program from before goes on: it knows none of these tables, and the new indexes cost it nothing but their upkeep.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "deadline",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.Column("element_id", sa.String(length=255), nullable=False),
        sa.Column("element_name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("calendar", sa.String(length=100), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("recipe", sa.Text()),
        sa.Column("remind_at", sa.BigInteger()),
        sa.Column("reminded_at", sa.BigInteger()),
        sa.Column("missed_at", sa.BigInteger()),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("paused_at", sa.BigInteger()),
        sa.Column("pause_reason", sa.Text(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("paused_days", sa.Integer(), nullable=False),
        sa.Column("paused_seconds", sa.BigInteger(), nullable=False),
        sa.Column("notify", sa.Text(), nullable=False),
        sa.Column("must", sa.Boolean(), nullable=False),
        sa.Column("run_at", sa.BigInteger()),
        sa.Column("claimed_by", sa.String(length=100)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('OPEN', 'PAUSED', 'MISSED', 'MET', 'MET_LATE', 'CANCELLED')", name=op.f("ck_deadline_state")
        ),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_deadline_case_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_deadline")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_deadline_case_key"), "deadline", ["case_key"])
    op.create_index(
        "uq_deadline_running", "deadline", ["case_key", "id"], unique=True, **_where("closed_at IS NULL")
    )
    op.create_index("ix_deadline_run_at", "deadline", ["run_at"], **_where("run_at IS NOT NULL"))
    op.create_index("ix_deadline_due", "deadline", ["due_at", "case_key"], **_where("closed_at IS NULL"))
    op.create_table(
        "notice",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("receiver", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("run_at", sa.BigInteger()),
        sa.Column("claimed_by", sa.String(length=100)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_notice_case_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notice")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notice_case_key"), "notice", ["case_key"])
    op.create_index("ix_notice_run_at", "notice", ["run_at"], **_where("run_at IS NOT NULL"))
    op.create_table(
        "case_dimension",
        sa.Column("case_key", Key, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_case_dimension_case_key")),
        sa.PrimaryKeyConstraint("case_key", "name", name=op.f("pk_case_dimension")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_case_dimension_name_value_case_key"), "case_dimension", ["name", "value", "case_key"]
    )
    op.create_table(
        "stand_in",
        sa.Column("person_key", Key, nullable=False),
        sa.Column("for_key", Key, nullable=False),
        sa.CheckConstraint("person_key <> for_key", name=op.f("ck_stand_in_not_oneself")),
        sa.ForeignKeyConstraint(["for_key"], ["person.key"], name=op.f("fk_stand_in_for_key")),
        sa.ForeignKeyConstraint(["person_key"], ["person.key"], name=op.f("fk_stand_in_person_key")),
        sa.PrimaryKeyConstraint("person_key", "for_key", name=op.f("pk_stand_in")),
    )
    op.create_index(op.f("ix_stand_in_for_key"), "stand_in", ["for_key"])
    op.create_index(op.f("ix_case_started_at_key"), "case", ["started_at", "key"])
    op.create_index("ix_case_ended_at", "case", ["ended_at", "key"], **_where("ended_at IS NOT NULL"))
