"""The record: append-only, one hash chain for each case and one for what belongs to no case.

Grammar of events, `subject:what`, with their facts:

    case:started       number, process_version, bundle, started_as        case:completed
    case:canceled      reason                      case:comment           text
    case:variables     reason, variables           element:… flow:taken decision:evaluated variables:set timer:fired
                                                   message:… signal:… error:… escalation:… as the runtime tells them
    case:merged        into, reason                case:took_in          number, reason
    case:reopened      number, reason              case:follows          number, reason
    task:opened        candidate_groups, candidate_users, assignee, form_id
    task:claimed       implicitly, for              task:released
    task:assigned      to, from                    task:completed         answers, for
    task:canceled                                  deadline:set           at, rule, explanation, calendar
    task:reminded      timer
    deadline:opened    deadline, title, kind, at, rule, explanation, calendar, remind_at
    deadline:replaced  the same, before            deadline:extended      the same, before, reason, approved_by
    deadline:paused    deadline, title, reason     deadline:resumed       deadline, title, before, at, days, unit
    deadline:met       deadline, title, at, late   deadline:reminded      deadline, title, at, told
    deadline:missed    deadline, title, at, told   deadline:canceled      deadline, title, reason
    deadline:recomputed                            deadline:kept          cause
                       deadline, title, before, at; of a task: item, field, before, due
    cases:sampled      seed, from, to, processes, share, population, drawn
    job:completed      type, result                job:failed             type, cause, tries_left
    incident:raised    cause                       incident:resolved      by hand or by success
    document:issued    document, template, template_hash, title, number, check_code, facts_hash, draft
    document:ready     document, sha256, pages     document:voided        document, number, reason
    number:allocated   number, series              number:voided          number, reason
    attachment:added   attachment, name, sha256, size
    message:told       name, answers
    message:published  name, correlation_key       message:correlated     name, correlation_key, message
    signal:broadcast   name
    (of no case) deployment:made, person:added, person:changed, calendar:changed

An entry's hash is SHA-256 over the hash before it, a line break and the canonical JSON of the entry (`seal`), so an
outsider can check an export with nothing but SHA-256. Changing, inserting, dropping or reordering entries breaks the
chain; cutting off its end shows because the case keeps the chain's last number and hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from engine.bulk import insert_rows
from engine.database import Database
from engine.tables import canonical, case, journal, journal_head

HOUSE = 0
"""The stream of what belongs to no case."""

GENESIS = "0" * 64
"""The hash before the first entry."""


@dataclass(frozen=True)
class Where:
    """The element an entry is about."""

    process_id: str | None = None
    element_id: str | None = None
    element_name: str | None = None
    item_key: int | None = None


NOWHERE = Where()


@dataclass
class Chain:
    """The end of one stream, growing in memory until `write` puts the new entries into the journal."""

    stream: int
    seq: int
    hash: str
    at: datetime
    actor: str
    entries: list[dict[str, Any]] = field(default_factory=list)

    def append(
        self,
        event: str,
        facts: Mapping[str, Any] | None = None,
        where: Where = NOWHERE,
        *,
        actor: str | None = None,
    ) -> None:
        self.seq += 1
        entry: dict[str, Any] = {
            "stream": self.stream,
            "seq": self.seq,
            "at": self.at,
            "event": event,
            "actor": actor or self.actor,
            "process_id": where.process_id,
            "element_id": where.element_id,
            "element_name": where.element_name,
            "item_key": where.item_key,
            "facts": canonical(facts or {}),
        }
        entry["prev_hash"] = self.hash
        self.hash = entry["hash"] = seal(entry, self.hash)
        self.entries.append(entry)

    def write(self, tx: Connection) -> None:
        """Insert the new entries, in one statement. Storing the new head is the caller's: it knows the case's row."""
        if self.entries:
            insert_rows(tx, journal, self.entries)
            self.entries.clear()


def seal(entry: Mapping[str, Any], prev_hash: str) -> str:
    """Return the hash of `entry` after `prev_hash`. `facts` enters as the text that is stored, `at` as ISO 8601."""
    fields = {
        name: entry[name]
        for name in (
            "stream",
            "seq",
            "event",
            "actor",
            "process_id",
            "element_id",
            "element_name",
            "item_key",
            "facts",
        )
    }
    fields["at"] = entry["at"].isoformat()
    return hashlib.sha256(f"{prev_hash}\n{canonical(fields)}".encode()).hexdigest()


def record(tx: Connection, event: str, facts: Mapping[str, Any], *, by: str, at: datetime, stream: int = HOUSE) -> None:
    """Append one entry to a stream that is no case's."""
    insert_head = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    tx.execute(insert_head(journal_head).values(stream=stream, seq=0, hash=GENESIS).on_conflict_do_nothing())
    head = tx.execute(select(journal_head).where(journal_head.c.stream == stream).with_for_update()).one()
    chain = Chain(stream, head.seq, head.hash, at, by)
    chain.append(event, facts)
    chain.write(tx)
    tx.execute(update(journal_head).where(journal_head.c.stream == stream).values(seq=chain.seq, hash=chain.hash))


@dataclass(frozen=True)
class Verification:
    """What checking a chain found. `intact` or `broken_at`: the number of the first entry that does not fit."""

    stream: int
    entries: int
    intact: bool
    broken_at: int | None
    finding: str
    """One Chinese sentence."""


def verify(database: Database, stream: int) -> Verification:
    """Recompute the chain of a case (its key) or of the house (`HOUSE`) and compare it with what is stored."""
    with database.read() as tx:
        if stream == HOUSE:
            head = tx.execute(
                select(journal_head.c.seq, journal_head.c.hash).where(journal_head.c.stream == stream)
            ).one_or_none()
        else:
            head = tx.execute(select(case.c.journal_seq, case.c.journal_hash).where(case.c.key == stream)).one_or_none()
        rows = tx.execute(select(journal).where(journal.c.stream == stream).order_by(journal.c.seq))
        return verify_entries(stream, rows.mappings(), head=tuple(head) if head else (0, GENESIS))


def verify_entries(stream: int, entries: Iterable[Mapping[Any, Any]], *, head: tuple[int, str]) -> Verification:
    """Check entries, in order of `seq`, against each other and against the chain's end `head` (number, hash)."""
    previous, count = GENESIS, 0
    for entry in entries:
        count += 1
        if entry["seq"] != count:
            return Verification(
                stream, count, False, count, f"第{count}条记录缺失或顺序被改动（此处是第{entry['seq']}条）。"
            )
        if entry["prev_hash"] != previous or entry["hash"] != seal(entry, previous):
            return Verification(stream, count, False, count, f"第{count}条记录的内容与其校验值不符，记录被改动过。")
        previous = entry["hash"]
    if (count, previous) != head:
        return Verification(
            stream,
            count,
            False,
            count + 1,
            f"流水应有{head[0]}条记录，现有{count}条，末尾的记录被删除或替换。",
        )
    return Verification(stream, count, True, None, f"共{count}条记录，前后相符，未被改动。")
