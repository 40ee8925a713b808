"""Found the tables, and guard the journal against change."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


_POSTGRESQL = (
    """
    CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the journal is append-only';
    END $$
    """,
    """
    CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_is_append_only()
    """,
    """
    CREATE TRIGGER journal_is_not_truncated BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()
    """,
)

_SQLITE = tuple(
    f"""
    CREATE TRIGGER journal_refuses_{action.lower()} BEFORE {action} ON journal
    BEGIN
        SELECT RAISE(ABORT, 'the journal is append-only');
    END
    """
    for action in ("UPDATE", "DELETE")
)


def upgrade() -> None:  # noqa: PLR0915 - one statement a table
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_year")),
    )
    op.create_table(
        "deployment",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("deployed_by", sa.String(length=200), nullable=False),
        sa.Column("deployed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_deployment")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_deployment_hash"), "deployment", ["hash"])
    op.create_table(
        "file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_file")),
    )
    op.create_table(
        "journal",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("stream", Key, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("process_id", sa.String(length=255)),
        sa.Column("element_id", sa.String(length=255)),
        sa.Column("element_name", sa.Text()),
        sa.Column("item_key", Key),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_journal")),
        sa.UniqueConstraint("stream", "seq", name=op.f("uq_journal_stream_seq")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal_head",
        sa.Column("stream", Key, autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_journal_head")),
    )
    op.create_table(
        "message",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("correlation_key", sa.String(length=400), nullable=False),
        sa.Column("message_id", sa.String(length=200)),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("from_case_key", Key),
        sa.Column("sent_by", sa.String(length=200), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("run_at", sa.BigInteger()),
        sa.Column("claimed_by", sa.String(length=100)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_message")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_buffered", "message", ["name", "correlation_key"], **_where("state = 'BUFFERED'"))
    op.create_index("ix_message_run_at", "message", ["run_at"], **_where("run_at IS NOT NULL"))
    op.create_index(
        "uq_message_id",
        "message",
        ["name", "correlation_key", "message_id"],
        unique=True,
        **_where("state = 'BUFFERED' AND message_id IS NOT NULL"),
    )
    op.create_table(
        "number_series",
        sa.Column("series", sa.String(length=200), nullable=False),
        sa.Column("next_value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_number_series")),
    )
    op.create_table(
        "person",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_person")),
        sa.UniqueConstraint("username", name=op.f("uq_person_username")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "resource",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_resource")),
    )
    op.create_table(
        "start_subscription",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.Column("element_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("timer_text", sa.Text(), nullable=False),
        sa.Column("timer_state", sa.Text()),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("run_at", sa.BigInteger()),
        sa.Column("claimed_by", sa.String(length=100)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_start_subscription")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_start_subscription_kind_name"), "start_subscription", ["kind", "name"])
    op.create_index("ix_start_subscription_run_at", "start_subscription", ["run_at"], **_where("run_at IS NOT NULL"))
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["year"], ["calendar_year.year"], name=op.f("fk_calendar_day_year")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_day")),
    )
    op.create_index(op.f("ix_calendar_day_year"), "calendar_day", ["year"])
    op.create_table(
        "case",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.Column("process_name", sa.Text(), nullable=False),
        sa.Column("process_version", sa.Integer(), nullable=False),
        sa.Column("deployment_key", Key, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_by", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("start_correlation_key", sa.String(length=400)),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("complainant", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("journal_seq", sa.Integer(), nullable=False),
        sa.Column("journal_hash", sa.String(length=64), nullable=False),
        sa.Column("runtime_state", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("state IN ('ACTIVE', 'COMPLETED', 'CANCELED')", name=op.f("ck_case_state")),
        sa.ForeignKeyConstraint(["deployment_key"], ["deployment.key"], name=op.f("fk_case_deployment_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_case")),
        sa.UniqueConstraint("number", name=op.f("uq_case_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_case_started_by_key"), "case", ["started_by", "key"])
    op.create_index(
        "uq_case_active_start_correlation",
        "case",
        ["process_id", "start_correlation_key"],
        unique=True,
        **_where("state = 'ACTIVE' AND start_correlation_key IS NOT NULL"),
    )
    op.create_table(
        "deployment_resource",
        sa.Column("deployment_key", Key, nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_key"], ["deployment.key"], name=op.f("fk_deployment_resource_deployment_key")
        ),
        sa.ForeignKeyConstraint(["sha256"], ["resource.sha256"], name=op.f("fk_deployment_resource_sha256")),
        sa.PrimaryKeyConstraint("deployment_key", "path", name=op.f("pk_deployment_resource")),
    )
    op.create_table(
        "membership",
        sa.Column("person_key", Key, nullable=False),
        sa.Column("group_name", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["person_key"], ["person.key"], name=op.f("fk_membership_person_key")),
        sa.PrimaryKeyConstraint("person_key", "group_name", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_group_name"), "membership", ["group_name"])
    op.create_table(
        "number",
        sa.Column("number", sa.String(length=200), nullable=False),
        sa.Column("series", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("case_key", Key),
        sa.Column("allocated_at", sa.BigInteger(), nullable=False),
        sa.Column("void_at", sa.BigInteger()),
        sa.Column("void_reason", sa.Text()),
        sa.ForeignKeyConstraint(["series"], ["number_series.series"], name=op.f("fk_number_series")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_number")),
        sa.UniqueConstraint("series", "value", name=op.f("uq_number_series_value")),
    )
    op.create_table(
        "process_definition",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("deployment_key", Key, nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("file", sa.String(length=400), nullable=False),
        sa.Column("uses_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_key"], ["deployment.key"], name=op.f("fk_process_definition_deployment_key")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_process_definition")),
        sa.UniqueConstraint(
            "deployment_key", "process_id", name=op.f("uq_process_definition_deployment_key_process_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_process_definition_process_id_version"), "process_definition", ["process_id", "version"])
    op.create_table(
        "case_term",
        sa.Column("term", sa.String(length=40), nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_case_term_case_key")),
        sa.PrimaryKeyConstraint("term", "case_key", name=op.f("pk_case_term")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_case_term_case_key"), "case_term", ["case_key"])
    op.create_table(
        "correlation",
        sa.Column("message_key", Key, nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_correlation_case_key")),
        sa.ForeignKeyConstraint(["message_key"], ["message.key"], name=op.f("fk_correlation_message_key")),
        sa.PrimaryKeyConstraint("message_key", "process_id", name=op.f("pk_correlation")),
    )
    op.create_table(
        "work_item",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("item_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.Column("element_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.String(length=200)),
        sa.Column("lane", sa.String(length=255)),
        sa.Column("form_id", sa.String(length=400)),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("due_rule", sa.Text(), nullable=False),
        sa.Column("due_explanation", sa.Text(), nullable=False),
        sa.Column("due_calendar", sa.String(length=100), nullable=False),
        sa.Column("follow_up_at", sa.BigInteger()),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.String(length=200)),
        sa.Column("candidates", sa.Text()),
        sa.Column("incident", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("closed_by", sa.String(length=200)),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("inputs", sa.Text()),
        sa.Column("prepared", sa.Text()),
        sa.Column("message_name", sa.String(length=400), nullable=False),
        sa.Column("correlation_key", sa.String(length=400), nullable=False),
        sa.Column("run_at", sa.BigInteger()),
        sa.Column("claimed_by", sa.String(length=100)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('CREATED', 'COMPLETED', 'CANCELED')", name=op.f("ck_work_item_state")),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_work_item_case_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_work_item")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_work_item_case_key_state"), "work_item", ["case_key", "state"])
    op.create_index("ix_work_item_run_at", "work_item", ["run_at"], **_where("run_at IS NOT NULL"))
    op.create_index(
        "ix_work_item_subscription",
        "work_item",
        ["message_name", "correlation_key"],
        **_where("state = 'CREATED' AND message_name <> ''"),
    )
    op.create_index(
        "uq_work_item_open_item", "work_item", ["case_key", "item_id"], unique=True, **_where("state = 'CREATED'")
    )
    op.create_table(
        "attachment",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("case_key", Key),
        sa.Column("item_key", Key),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("uploaded_by", sa.String(length=200), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_attachment_case_key")),
        sa.ForeignKeyConstraint(["item_key"], ["work_item.key"], name=op.f("fk_attachment_item_key")),
        sa.ForeignKeyConstraint(["sha256"], ["file.sha256"], name=op.f("fk_attachment_sha256")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attachment")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_attachment_case_key"), "attachment", ["case_key"])
    op.create_table(
        "candidate",
        sa.Column("item_key", Key, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("sort_at", sa.BigInteger()),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["item_key"], ["work_item.key"], name=op.f("fk_candidate_item_key")),
        sa.PrimaryKeyConstraint("item_key", "kind", "name", name=op.f("pk_candidate")),
    )
    op.create_index(
        "ix_candidate_due", "candidate", ["kind", "name", "sort_at", "item_key"], **_where("sort_at IS NOT NULL")
    )
    op.create_index("ix_candidate_key", "candidate", ["kind", "name", "item_key"], **_where("sort_at IS NOT NULL"))
    op.create_index(op.f("ix_candidate_kind_name_case_key"), "candidate", ["kind", "name", "case_key"])
    op.create_index(
        "ix_candidate_rank",
        "candidate",
        ["kind", "name", "rank", "sort_at", "item_key"],
        **_where("sort_at IS NOT NULL"),
    )
    op.create_table(
        "document",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("item_key", Key, nullable=False),
        sa.Column("template", sa.String(length=255), nullable=False),
        sa.Column("template_hash", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("number", sa.String(length=100)),
        sa.Column("check_code", sa.String(length=20), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("facts_hash", sa.String(length=64), nullable=False),
        sa.Column("draft", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("issued_by", sa.String(length=200), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger()),
        sa.Column("sha256", sa.String(length=64)),
        sa.Column("pages", sa.Integer()),
        sa.Column("size", sa.Integer()),
        sa.Column("void_reason", sa.Text()),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_document_case_key")),
        sa.ForeignKeyConstraint(["item_key"], ["work_item.key"], name=op.f("fk_document_item_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_document")),
        sa.UniqueConstraint("check_code", name=op.f("uq_document_check_code")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_document_case_key"), "document", ["case_key"])
    op.create_index(op.f("ix_document_item_key"), "document", ["item_key"])
    op.create_table(
        "draft",
        sa.Column("item_key", Key, nullable=False),
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_key"], ["work_item.key"], name=op.f("fk_draft_item_key")),
        sa.PrimaryKeyConstraint("item_key", "username", name=op.f("pk_draft")),
    )
    op.create_table(
        "incident",
        sa.Column("key", Key, autoincrement=True, nullable=False),
        sa.Column("case_key", Key, nullable=False),
        sa.Column("item_key", Key, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("retryable", sa.Boolean(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger()),
        sa.Column("resolved_by", sa.String(length=200)),
        sa.ForeignKeyConstraint(["case_key"], ["case.key"], name=op.f("fk_incident_case_key")),
        sa.ForeignKeyConstraint(["item_key"], ["work_item.key"], name=op.f("fk_incident_item_key")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_incident")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_incident_case_key"), "incident", ["case_key"])
    op.create_index("ix_incident_open", "incident", ["raised_at"], **_where("resolved_at IS NULL"))
    op.create_index("uq_incident_open_item", "incident", ["item_key"], unique=True, **_where("resolved_at IS NULL"))
    connection = op.get_bind()
    for statement in _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)
