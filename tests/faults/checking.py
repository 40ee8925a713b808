"""Is everything there, once? Compares the database with what was acknowledged and with what a finished case holds."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select

from engine import journal
from engine.database import Database
from engine.tables import case, incident, number, number_series, work_item
from tests.faults.actors import PER_ROUND, ROUNDS

NOTHING = timedelta(0)


@dataclass
class Report:
    """What a run left behind. `lost`, `doubled` and `broken` hold a sentence for each violation."""

    killed: Counter[str] = field(default_factory=Counter)
    """By role."""
    completions: int = 0
    acknowledged: int = 0
    over_http: int = 0
    """Of the acknowledged."""
    timers: int = 0
    cases: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    longest_stuck: timedelta = NOTHING

    def violations(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.broken, *self.errors]

    def __str__(self) -> str:
        roles = ", ".join(f"{role} {times}" for role, times in sorted(self.killed.items()))
        return (
            f"kills {self.killed.total()} ({roles}), "
            f"completions {self.completions} ({self.acknowledged} acknowledged, {self.over_http} of them over HTTP), "
            f"timers {self.timers}, cases {self.cases}, lost {len(self.lost)}, doubled {len(self.doubled)}, "
            f"broken {len(self.broken)}, unexpected errors {len(self.errors)}, "
            f"longest stuck {self.longest_stuck.total_seconds():.1f} s"
        )


def read_acknowledged(folder: Path) -> list[tuple[str, str, int]]:
    """Return (`start` or `complete`, token, key of the case or the item) of each acknowledgement."""
    lines = [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
    return [(what, token, int(key)) for what, token, key in (line.split() for line in lines)]


def examine(database: Database, acknowledged: list[tuple[str, str, int]]) -> Report:
    """Look at everything. For a database that holds nothing but finished cases of the soak procedure."""
    report = Report()
    with database.read() as tx:
        _acts(tx, report, acknowledged)
        _rounds(tx, report)
        _items(tx, report)
        _numbers(tx, report)
        streams = [journal.HOUSE, *tx.execute(select(case.c.key)).scalars()]
        for found in tx.execute(select(incident.c.case_key, incident.c.cause)):
            report.broken.append(f"case {found.case_key} has an incident: {found.cause}")
        failed = select(journal.journal.c.stream, journal.journal.c.facts).where(
            journal.journal.c.event == "job:failed"
        )
        report.broken += [f"case {found.stream}: a job failed: {found.facts}" for found in tx.execute(failed)]
    for stream in streams:
        verification = journal.verify(database, stream)
        if not verification.intact:
            report.broken.append(f"chain {stream}: {verification.finding}")
    return report


def _acts(tx: Connection, report: Report, acknowledged: list[tuple[str, str, int]]) -> None:
    """Each acknowledged act is in the journal with its token, and nothing is there twice."""
    events = {"case:started": "start", "task:completed": "complete"}
    columns = journal.journal.c
    present: Counter[tuple[str, str, int]] = Counter()
    subjects: Counter[tuple[str, int]] = Counter()
    for row in tx.execute(
        select(columns.event, columns.stream, columns.item_key, columns.facts).where(columns.event.in_(events))
    ):
        facts = json.loads(row.facts)
        values = facts["variables"] if row.event == "case:started" else facts["answers"]
        subject = (events[row.event], row.stream if row.event == "case:started" else row.item_key)
        present[subject[0], values["token"], subject[1]] += 1
        subjects[subject] += 1
    report.acknowledged = sum(1 for what, _, _ in acknowledged if what == "complete")
    report.completions = sum(count for (what, _), count in subjects.items() if what == "complete")
    report.lost += [f"acknowledged but not there: {act}" for act in acknowledged if act not in present]
    report.doubled += [f"{count} times: {subject}" for subject, count in subjects.items() if count > 1]
    tokens = Counter(token for _, token, _ in present)
    report.doubled += [f"{count} times: token {token}" for token, count in tokens.items() if count > 1]


def _rounds(tx: Connection, report: Report) -> None:
    """Every case is finished, and has done every step of every round once."""
    columns = journal.journal.c
    query = select(columns.stream, columns.event, columns.element_id, func.count().label("times"))
    query = query.where(columns.event.in_({event for event, _ in PER_ROUND}))
    times: Counter[tuple[int, str, str | None]] = Counter()
    for row in tx.execute(query.group_by(columns.stream, columns.event, columns.element_id)):
        element = None if (row.event, None) in PER_ROUND else row.element_id
        times[row.stream, row.event, element] += row.times
    report.timers = sum(count for (_, event, _), count in times.items() if event == "timer:fired")
    for row in tx.execute(select(case.c.key, case.c.state)):
        report.cases += 1
        if row.state != "COMPLETED":
            report.lost.append(f"case {row.key} is {row.state}")
        for (event, element), each in PER_ROUND.items():
            found, wanted = times[row.key, event, element], each * ROUNDS
            if found < wanted:
                report.lost.append(f"case {row.key}: {event} {element} {found} times, not {wanted}")
            if found > wanted:
                report.doubled.append(f"case {row.key}: {event} {element} {found} times, not {wanted}")


def _items(tx: Connection, report: Report) -> None:
    """Nothing is left open, no task was taken away, and nothing due waited long."""
    for row in tx.execute(
        select(work_item.c.key, work_item.c.kind, work_item.c.element_id, work_item.c.state).where(
            work_item.c.state != "COMPLETED"
        )
    ):
        report.lost.append(f"{row.kind} {row.key} ({row.element_id}) is {row.state}")
    since = func.coalesce(work_item.c.due_at, work_item.c.opened_at)
    for row in tx.execute(
        select(work_item.c.closed_at, since.label("since")).where(
            work_item.c.kind.in_(("timer", "job")), work_item.c.closed_at.is_not(None)
        )
    ):
        report.longest_stuck = max(report.longest_stuck, row.closed_at - row.since)


def _numbers(tx: Connection, report: Report) -> None:
    """Each series counts 1, 2, 3 …, and each number of a case is one of them."""
    for name, following in tx.execute(select(number_series.c.series, number_series.c.next_value)):
        values = sorted(tx.execute(select(number.c.value).where(number.c.series == name)).scalars())
        if values != list(range(1, following)):
            report.broken.append(f"series {name} has {len(values)} numbers and goes on with {following}")
    stray = select(case.c.number).where(case.c.number.not_in(select(number.c.number)))
    report.broken += [f"case number {found} was never allocated" for found in tx.execute(stray).scalars()]
    columns = journal.journal.c
    told = [
        json.loads(facts)["number"]
        for facts in tx.execute(select(columns.facts).where(columns.event == "number:allocated")).scalars()
    ]
    told += tx.execute(select(case.c.number)).scalars()
    report.doubled += [f"number {found} given {count} times" for found, count in Counter(told).items() if count > 1]
    given = set(tx.execute(select(number.c.number)).scalars())
    report.broken += [f"number {found} is nowhere used" for found in sorted(given - set(told))]
