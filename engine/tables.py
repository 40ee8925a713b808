"""The tables, as SQLAlchemy Core sees them. `migrations/` creates them; a test keeps the two alike.

Every instant is aware UTC, every structure canonical JSON text (see `engine.journal.canonical`), so that a hash over
it is the same in both databases.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"

FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)
"""Where an item without a deadline stands in the order of deadlines."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An instant, stored as microseconds since 1970 in UTC; a value without a zone is refused.

    A 64-bit integer sorts, compares and indexes alike in both databases, and no driver's zone can change it.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: instants are aware, in UTC")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def canonical(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, no NaN. The same value gives the same text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Json(TypeDecorator[Any]):
    """A JSON value as canonical text. None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


Key = BigInteger().with_variant(Integer, "sqlite")
"""64-bit. SQLite counts up only an INTEGER PRIMARY KEY, which has 64 bits there."""


def _key() -> Column[int]:
    return Column("key", Key, primary_key=True, autoincrement=True)


def _references(column: str, *, nullable: bool = False) -> Column[int]:
    table = column.removesuffix("_key")
    return Column(column, Key, ForeignKey(f"{table}.key"), nullable=nullable)


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))


# --- deployments -----------------------------------------------------------------------------------------------

resource = Table(
    "resource",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

deployment = Table(
    "deployment",
    metadata,
    _key(),
    Column("hash", String(64), nullable=False, index=True),
    Column("note", Text, nullable=False, default=""),
    Column("deployed_by", String(200), nullable=False),
    Column("deployed_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

deployment_resource = Table(
    "deployment_resource",
    metadata,
    Column("deployment_key", Key, ForeignKey("deployment.key"), primary_key=True),
    Column("path", String(400), primary_key=True),
    Column("sha256", String(64), ForeignKey("resource.sha256"), nullable=False),
)

process_definition = Table(
    "process_definition",
    metadata,
    _key(),
    _references("deployment_key"),
    Column("process_id", String(255), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("file", String(400), nullable=False),
    Column("uses_hash", String(64), nullable=False),
    UniqueConstraint("deployment_key", "process_id"),
    Index(None, "process_id", "version"),
    sqlite_autoincrement=True,
)

start_subscription = Table(
    "start_subscription",
    metadata,
    _key(),
    Column("process_id", String(255), nullable=False),
    Column("element_id", String(255), nullable=False),
    Column("kind", String(20), nullable=False),  # message, signal, timer
    Column("name", String(400), nullable=False, default=""),
    Column("timer_text", Text, nullable=False, default=""),  # as in the diagram
    Column("timer_state", Json),  # the runtime's
    Column("due_at", Instant),  # a timer's next time; None: none to come
    Column("run_at", Instant),  # when a worker is to look: `due_at`, or when another worker's claim ends
    Column("claimed_by", String(100)),
    Column("attempts", Integer, nullable=False, default=0),
    Index(None, "kind", "name"),
    _partial("ix_start_subscription_run_at", "run_at", where="run_at IS NOT NULL"),
    sqlite_autoincrement=True,
)

# --- cases and their work ---------------------------------------------------------------------------------------

case = Table(
    "case",
    metadata,
    _key(),
    Column("number", String(100), nullable=False, unique=True),
    Column("process_id", String(255), nullable=False),
    Column("process_name", Text, nullable=False),
    Column("process_version", Integer, nullable=False),
    _references("deployment_key"),
    Column("state", String(20), nullable=False),  # ACTIVE, COMPLETED, CANCELED
    Column("started_by", String(200), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("start_correlation_key", String(400)),  # of the message that started it
    Column("title", Text, nullable=False, default=""),
    Column("complainant", Text, nullable=False, default=""),
    Column("phone", Text, nullable=False, default=""),
    Column("product", Text, nullable=False, default=""),
    Column("summary", Text, nullable=False, default=""),
    Column("changed_at", Instant, nullable=False),
    Column("journal_seq", Integer, nullable=False, default=0),
    Column("journal_hash", String(64), nullable=False, default=""),
    # Last, so that a scan over the columns above need not read through it.
    Column("runtime_state", LargeBinary, nullable=False, default=b""),
    Index(None, "started_by", "key"),
    Index(None, "started_at", "key"),
    _partial("ix_case_ended_at", "ended_at", "key", where="ended_at IS NOT NULL"),
    _partial(
        "uq_case_active_start_correlation",
        "process_id",
        "start_correlation_key",
        where="state = 'ACTIVE' AND start_correlation_key IS NOT NULL",
        unique=True,
    ),
    CheckConstraint("state IN ('ACTIVE', 'COMPLETED', 'CANCELED')", name="state"),
    sqlite_autoincrement=True,
)

case_term = Table(
    "case_term",
    metadata,
    Column("term", String(40), primary_key=True),
    Column("case_key", Key, ForeignKey("case.key"), primary_key=True),
    Index(None, "case_key"),
    sqlite_with_rowid=False,
)
"""What a case is found by: every two neighbouring characters of its texts, so that contained text is found without a
scan, in any language, on both databases alike."""

work_item = Table(
    "work_item",
    metadata,
    _key(),
    _references("case_key"),
    Column("item_id", String(200), nullable=False),  # the runtime's id
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),  # CREATED, COMPLETED, CANCELED
    Column("process_id", String(255), nullable=False),
    Column("element_id", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("path", Json, nullable=False),
    Column("parent_id", String(200)),
    Column("lane", String(255)),
    Column("form_id", String(400)),
    Column("headers", Json, nullable=False),
    Column("priority", Integer, nullable=False, default=50),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant),  # the deadline of a task, the time of a timer
    Column("due_rule", Text, nullable=False, default=""),
    Column("due_explanation", Text, nullable=False, default=""),
    Column("due_calendar", String(100), nullable=False, default=""),
    Column("follow_up_at", Instant),
    Column("reminders", Integer, nullable=False, default=0),
    Column("assignee", String(200)),
    Column("candidates", Json),  # {"groups": […], "users": […]} of a user task
    Column("incident", Boolean, nullable=False, default=False),  # there is an unresolved one
    Column("closed_at", Instant),
    Column("closed_by", String(200)),
    # for the worker
    Column("type", String(200), nullable=False, default=""),  # the job type
    Column("inputs", Json),  # of a job, frozen when reached
    Column("prepared", Json),
    Column("message_name", String(400), nullable=False, default=""),  # or the signal's
    Column("correlation_key", String(400), nullable=False, default=""),
    Column("run_at", Instant),  # when a worker is to look at it; None: never
    Column("claimed_by", String(100)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("retries", Integer, nullable=False, default=0),  # tries left
    Index(None, "case_key", "state"),
    _partial("ix_work_item_run_at", "run_at", where="run_at IS NOT NULL"),
    _partial(
        "ix_work_item_subscription",
        "message_name",
        "correlation_key",
        where="state = 'CREATED' AND message_name <> ''",
    ),
    _partial("uq_work_item_open_item", "case_key", "item_id", where="state = 'CREATED'", unique=True),
    CheckConstraint("state IN ('CREATED', 'COMPLETED', 'CANCELED')", name="state"),
    sqlite_autoincrement=True,
)

candidate = Table(
    "candidate",
    metadata,
    Column("item_key", Key, ForeignKey("work_item.key"), primary_key=True),
    Column("kind", String(10), primary_key=True),  # group, user, assignee
    Column("name", String(255), primary_key=True),
    Column("case_key", Key, nullable=False),
    # Where it stands in the list of `name`: the deadline, else FAR_FUTURE. NULL: not in that list, because a colleague
    # has taken the task or it is closed.
    Column("sort_at", Instant),
    Column("rank", Integer, nullable=False),  # the priority, negated: all of a list's orders ascend
    Column("process_id", String(255), nullable=False),
    Index(None, "kind", "name", "case_key"),
    _partial("ix_candidate_due", "kind", "name", "sort_at", "item_key", where="sort_at IS NOT NULL"),
    _partial("ix_candidate_key", "kind", "name", "item_key", where="sort_at IS NOT NULL"),
    _partial("ix_candidate_rank", "kind", "name", "rank", "sort_at", "item_key", where="sort_at IS NOT NULL"),
)
"""Who may see or take a user task, one row each. A row stays when the task is closed: it says who may see the case."""

draft = Table(
    "draft",
    metadata,
    Column("item_key", Key, ForeignKey("work_item.key"), primary_key=True),
    Column("username", String(200), primary_key=True),
    Column("answers", Json, nullable=False),
    Column("saved_at", Instant, nullable=False),
)

incident = Table(
    "incident",
    metadata,
    _key(),
    _references("case_key"),
    Column("item_key", Key, ForeignKey("work_item.key"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("cause", Text, nullable=False),
    Column("retryable", Boolean, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("resolved_by", String(200)),
    Index(None, "case_key"),
    _partial("ix_incident_open", "raised_at", where="resolved_at IS NULL"),
    _partial("uq_incident_open_item", "item_key", where="resolved_at IS NULL", unique=True),
    sqlite_autoincrement=True,
)

message = Table(
    "message",
    metadata,
    _key(),
    Column("kind", String(20), nullable=False),  # message, signal
    Column("name", String(400), nullable=False),
    Column("correlation_key", String(400), nullable=False, default=""),
    Column("message_id", String(200)),
    Column("variables", Json, nullable=False),
    Column("from_case_key", Key),
    Column("sent_by", String(200), nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("state", String(20), nullable=False),  # BUFFERED, DONE
    Column("run_at", Instant),
    Column("claimed_by", String(100)),
    Column("attempts", Integer, nullable=False, default=0),
    _partial("ix_message_run_at", "run_at", where="run_at IS NOT NULL"),
    _partial("ix_message_buffered", "name", "correlation_key", where="state = 'BUFFERED'"),
    _partial(
        "uq_message_id",
        "name",
        "correlation_key",
        "message_id",
        where="state = 'BUFFERED' AND message_id IS NOT NULL",
        unique=True,
    ),
    sqlite_autoincrement=True,
)

correlation = Table(
    "correlation",
    metadata,
    Column("message_key", Key, ForeignKey("message.key"), primary_key=True),
    Column("process_id", String(255), primary_key=True),
    Column("case_key", Key, ForeignKey("case.key"), nullable=False),
    Column("at", Instant, nullable=False),
)
"""A message reaches at most one case of each process."""

# --- limits that run on a case -------------------------------------------------------------------------------------

deadline = Table(
    "deadline",
    metadata,
    _key(),
    _references("case_key"),
    Column("id", String(100), nullable=False),  # as the diagrams call it; one at a time runs in a case
    Column("title", Text, nullable=False),
    Column("kind", String(20), nullable=False),  # statutory, internal
    Column("process_id", String(255), nullable=False),  # where it was opened
    Column("element_id", String(255), nullable=False),
    Column("element_name", Text, nullable=False),
    Column("state", String(20), nullable=False),  # OPEN, PAUSED, MISSED, MET, MET_LATE, CANCELLED
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("rule", Text, nullable=False, default=""),
    Column("explanation", Text, nullable=False, default=""),
    Column("calendar", String(100), nullable=False, default=""),  # the version it was counted by; "": it read none
    Column("unit", String(20), nullable=False),  # of its rule: working_days, calendar_days, exact
    Column("recipe", Json),  # how it was counted, pauses included (`engine.deadlines.Recipe`); None: not counted
    Column("remind_at", Instant),
    Column("reminded_at", Instant),
    Column("missed_at", Instant),
    Column("closed_at", Instant),  # met, cancelled, or its case ended
    Column("paused_at", Instant),
    Column("pause_reason", Text, nullable=False, default=""),
    Column("pauses", Integer, nullable=False, default=0),  # how many are over
    Column("paused_days", Integer, nullable=False, default=0),  # by which it was moved, in its own unit
    Column("paused_seconds", BigInteger, nullable=False, default=0),  # of all pauses, by the clock
    Column("notify", Json, nullable=False),  # groups
    Column("must", Boolean, nullable=False, default=False),  # tell even out of office hours
    # for the worker
    Column("run_at", Instant),
    Column("claimed_by", String(100)),
    Column("attempts", Integer, nullable=False, default=0),
    Index(None, "case_key"),
    _partial("uq_deadline_running", "case_key", "id", where="closed_at IS NULL", unique=True),
    _partial("ix_deadline_run_at", "run_at", where="run_at IS NOT NULL"),
    _partial("ix_deadline_due", "due_at", "case_key", where="closed_at IS NULL"),
    CheckConstraint("state IN ('OPEN', 'PAUSED', 'MISSED', 'MET', 'MET_LATE', 'CANCELLED')", name="state"),
    sqlite_autoincrement=True,
)
"""A limit of the whole case, beside those of its tasks. MISSED still runs while `closed_at` is NULL: it can be met
late."""

notice = Table(
    "notice",
    metadata,
    _key(),
    Column("kind", String(20), nullable=False),  # reminder, missed
    _references("case_key"),
    Column("receiver", String(200), nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("sent_at", Instant),
    # for the worker: not before office hours, unless it must be told at once
    Column("run_at", Instant),
    Column("claimed_by", String(100)),
    Column("attempts", Integer, nullable=False, default=0),
    Index(None, "case_key"),
    _partial("ix_notice_run_at", "run_at", where="run_at IS NOT NULL"),
    sqlite_autoincrement=True,
)
"""What somebody is to be told, written with the step that gave the reason and sent after its commit."""

case_dimension = Table(
    "case_dimension",
    metadata,
    Column("case_key", Key, ForeignKey("case.key"), primary_key=True),
    Column("name", String(50), primary_key=True),
    Column("value", String(200), nullable=False),
    Index(None, "name", "value", "case_key"),
    sqlite_with_rowid=False,
)
"""By what a case is counted: the process properties `case_dimension_<name>`."""

case_link = Table(
    "case_link",
    metadata,
    _key(),
    Column("kind", String(20), nullable=False),  # MERGED, REOPENED
    Column("from_case_key", Key, ForeignKey("case.key"), nullable=False),  # the one that ended
    Column("to_case_key", Key, ForeignKey("case.key"), nullable=False),  # the one that goes on
    Column("reason", Text, nullable=False),
    Column("made_by", String(200), nullable=False),
    Column("made_at", Instant, nullable=False),
    Index(None, "from_case_key"),
    Index(None, "to_case_key"),
    CheckConstraint("kind IN ('MERGED', 'REOPENED')", name="kind"),
    sqlite_autoincrement=True,
)
"""A duplicate and the case it was merged into; a finished case and the one that takes it up again."""

receipt = Table(
    "receipt",
    metadata,
    Column("origin", String(100), primary_key=True),  # what the reference is unique within: email, a list's name
    Column("reference", String(64), primary_key=True),  # SHA-256 of the message's id, the letter's number
    Column("case_key", Key, ForeignKey("case.key"), nullable=False, index=True),
    Column("received_at", Instant, nullable=False),
)
"""What has been taken in from outside, so that the same thing is taken in once."""

# --- the record -------------------------------------------------------------------------------------------------

journal = Table(
    "journal",
    metadata,
    _key(),
    Column("stream", Key, nullable=False),  # the case's key; 0: what belongs to no case
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", String(100), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("process_id", String(255)),
    Column("element_id", String(255)),
    Column("element_name", Text),
    Column("item_key", Key),
    Column("facts", Text, nullable=False),  # canonical JSON, exactly as hashed
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("stream", "seq"),
    sqlite_autoincrement=True,
)

journal_head = Table(
    "journal_head",
    metadata,
    Column("stream", Key, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""Where the chains end that belong to no case; a case's chain ends in its own row."""

document = Table(
    "document",
    metadata,
    _key(),
    _references("case_key"),
    Column("item_key", Key, ForeignKey("work_item.key"), nullable=False),
    Column("template", String(255), nullable=False),
    Column("template_hash", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("number", String(100)),
    Column("check_code", String(20), nullable=False, unique=True),
    Column("facts", Text, nullable=False),  # canonical JSON, exactly as hashed
    Column("facts_hash", String(64), nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("state", String(20), nullable=False),  # PENDING, READY, VOID
    Column("issued_by", String(200), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("ready_at", Instant),
    Column("sha256", String(64)),
    Column("pages", Integer),
    Column("size", Integer),
    Column("void_reason", Text),
    Index(None, "case_key"),
    Index(None, "item_key"),
    sqlite_autoincrement=True,
)

number_series = Table(
    "number_series",
    metadata,
    Column("series", String(200), primary_key=True),
    Column("next_value", Integer, nullable=False),
)

number = Table(
    "number",
    metadata,
    Column("number", String(200), primary_key=True),
    Column("series", String(200), ForeignKey("number_series.series"), nullable=False),
    Column("value", Integer, nullable=False),
    Column("case_key", Key),
    Column("allocated_at", Instant, nullable=False),
    Column("void_at", Instant),
    Column("void_reason", Text),
    UniqueConstraint("series", "value"),
)

file = Table(
    "file",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("stored_at", Instant, nullable=False),
)

attachment = Table(
    "attachment",
    metadata,
    _key(),
    _references("case_key", nullable=True),
    Column("item_key", Key, ForeignKey("work_item.key")),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), ForeignKey("file.sha256"), nullable=False),
    Column("uploaded_by", String(200), nullable=False),
    Column("uploaded_at", Instant, nullable=False),
    Index(None, "case_key"),
    sqlite_autoincrement=True,
)

# --- people and the calendar -------------------------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    _key(),
    Column("username", String(200), nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text),  # None: signs in elsewhere
    Column("active", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    # A session carries the stamp it began under; another stamp ends it.
    Column("session_stamp", String(32), nullable=False, default="", server_default=""),
    Column("outside_id", String(600)),  # issuer and subject at the provider they sign in with; None: here
    _partial("uq_person_outside_id", "outside_id", where="outside_id IS NOT NULL", unique=True),
    sqlite_autoincrement=True,
)

membership = Table(
    "membership",
    metadata,
    Column("person_key", Key, ForeignKey("person.key"), primary_key=True),
    Column("group_name", String(255), primary_key=True),
    Index(None, "group_name"),
)

stand_in = Table(
    "stand_in",
    metadata,
    Column("person_key", Key, ForeignKey("person.key"), primary_key=True),  # who stands in
    Column("for_key", Key, ForeignKey("person.key"), primary_key=True),
    Index(None, "for_key"),
    CheckConstraint("person_key <> for_key", name="not_oneself"),
)

calendar_year = Table(
    "calendar_year",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("changed_by", String(200), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

calendar_day = Table(
    "calendar_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("year", Integer, ForeignKey("calendar_year.year"), nullable=False, index=True),
    Column("working", Boolean, nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
)
