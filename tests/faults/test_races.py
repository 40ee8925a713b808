"""What happens when two things happen at once, as far as the engine's own tests do not say it."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

from sqlalchemy import select

from engine import journal, numbering
from engine.casework import errors
from engine.tables import case, deployment, draft, number_series, process_definition, work_item
from engine.worker import Worker
from tests.engine import procedures
from tests.engine.conftest import House
from tests.engine.procedures import boundary, chain, el, end, event, file, message, process, start, timer, user
from tests.fakes import MONDAY
from tests.faults.threads import at_once


def test_a_join_of_many_branches_fires_once(house: House) -> None:
    branches = [f"branch{number}" for number in range(8)]
    house.deploy(
        file(
            process(
                "wide",
                start(),
                el("parallelGateway", "split"),
                *map(user, branches),
                el("parallelGateway", "join"),
                user("after"),
                end(),
                *(chain(f"split {branch} join") for branch in branches),
                chain("s split"),
                chain("join after e"),
            )
        )
    )
    ref = house.casework.start_case("wide", by="alice")
    tasks = house.open(ref.key)
    outcomes = at_once(
        [partial(house.casework.complete_task, tasks[branch], {branch: 1}, by="alice") for branch in branches]
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert house.waits(ref.key) == ["user_task:after"]
    assert house.events(ref.key).count("task:opened after") == 1
    variables = house.worklist.case(ref.key, house.person("root")).variables
    assert [variables[branch] for branch in branches] == [1] * 8
    assert journal.verify(house.database, ref.key).intact


def test_a_task_and_the_timer_that_takes_it_away(house: House) -> None:
    house.deploy(
        file(
            process(
                "taken",
                start(),
                user("work"),
                boundary("late", "work", timer("PT1H")),
                user("done"),
                user("overdue"),
                end("e"),
                end("f"),
                chain("s work done e"),
                chain("late overdue f"),
            )
        )
    )
    seen = set()
    for _ in range(6):
        ref = house.casework.start_case("taken", by="alice")
        work = house.open(ref.key)["work"]
        house.clock.at = house.worker.next_due()
        completed, _, _ = at_once(
            [
                partial(house.casework.complete_task, work, {}, by="alice"),
                Worker(house.casework, house.database, clock=house.clock).run_once,
                Worker(house.casework, house.database, clock=house.clock).run_once,
            ]
        )
        told = isinstance(completed, errors.TaskCanceled)
        assert told or not isinstance(completed, Exception), completed
        assert house.waits(ref.key) == (["user_task:overdue"] if told else ["user_task:done"])
        assert house.events(ref.key).count("timer:fired late") == told
        seen.add(told)
        house.casework.cancel_case(ref.key, "下一轮", by="root")
    assert seen


def test_messages_and_timers_of_many_cases_racing(house: House) -> None:
    """Each of ten event-based gateways goes one way, its message and its timer being due at the same moment."""
    house.deploy(
        file(
            message("m", "reply", "=key"),
            process(
                "race",
                start(),
                el("eventBasedGateway", "g"),
                el("intermediateCatchEvent", "came", event("message", "m")),
                el("intermediateCatchEvent", "late", timer("PT1H")),
                user("a"),
                user("b"),
                end("e"),
                end("f"),
                chain("s g came a e"),
                chain("g late b f"),
            ),
        )
    )
    refs = [house.casework.start_case("race", {"key": str(number)}, by="alice") for number in range(10)]
    house.worker.run_once()
    house.clock.at = house.worker.next_due()
    for number in range(10):
        house.casework.publish_message("reply", str(number))
    at_once([Worker(house.casework, house.database, clock=house.clock, batch=2).run_once for _ in range(4)])
    house.worker.run_once()
    for ref in refs:
        events = house.events(ref.key)
        fired, came = events.count("timer:fired late"), events.count("message:correlated came")
        assert fired + came == 1
        assert house.waits(ref.key) == (["user_task:b"] if fired else ["user_task:a"])


def test_a_deployment_racing_with_starts(house: House) -> None:
    """Each case is on one bundle: the version it says it has is the diagram it runs."""

    def version(number: int) -> dict[str, bytes]:
        return file(process("racing", start(), user(f"work_{number}"), end(), chain(f"s work_{number} e")))

    house.deploy(version(1))
    acts: list[Any] = [partial(house.casework.start_case, "racing", by="alice") for _ in range(8)]
    for number in (2, 3):
        acts.insert(number * 2, partial(house.deploy, version(number)))
    outcomes = at_once(acts)
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    with house.database.read() as tx:
        rows = tx.execute(
            select(case.c.deployment_key, case.c.process_version, work_item.c.element_id).join(
                work_item, work_item.c.case_key == case.c.key
            )
        ).all()
        versions = {
            row.deployment_key: row.version
            for row in tx.execute(select(process_definition.c.deployment_key, process_definition.c.version))
        }
        deployments = list(tx.execute(select(deployment.c.key).order_by(deployment.c.key)).scalars())
        elements = {
            key: [name for name in house.deployments.bundle(tx, key).diagrams["racing"].elements if "work" in name]
            for key in deployments
        }
    assert len(rows) == 8
    assert sorted(versions.values()) == [1, 2, 3]
    for row in rows:
        assert row.process_version == versions[row.deployment_key]
        assert [row.element_id] == [name for name in elements[row.deployment_key] if "__" not in name]
    assert journal.verify(house.database, journal.HOUSE).intact


def test_a_series_under_eight_threads_has_no_gap(house: House) -> None:
    """Every third allocation is undone, and none of the numbers is missing or given twice."""

    def allocate(thread: int) -> list[str]:
        kept = []
        for turn in range(9):
            try:
                with house.database.begin() as tx:
                    given = numbering.allocate(tx, "N-{seq:04}", org="HJ", at=MONDAY, case_key=None)
                    if turn % 3 == thread % 3:
                        raise _UndoneError  # noqa: TRY301 - out of the transaction
            except _UndoneError:
                continue
            kept.append(given)
        return kept

    outcomes = at_once([partial(allocate, thread) for thread in range(8)])
    given = sorted(itertools.chain(*outcomes))
    assert given == [f"N-{number:04}" for number in range(1, 8 * 6 + 1)]
    with house.database.read() as tx:
        assert tx.execute(select(number_series.c.next_value)).scalar_one() == 49


class _UndoneError(Exception):
    """The step that wanted the number fails."""


def test_a_draft_racing_with_the_completion_leaves_none_behind(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    for _ in range(6):
        ref = house.casework.start_case("complaint", by="alice")
        [task] = ref.next_item_keys
        saved, completed, again = at_once(
            [
                partial(house.casework.save_draft, task, {"product": "半成品"}, by="alice"),
                partial(house.casework.complete_task, task, {"product": "电饭煲"}, by="alice"),
                partial(house.casework.save_draft, task, {"product": "半成品"}, by="bob"),
            ]
        )
        assert not isinstance(completed, Exception), completed
        for outcome in (saved, again):
            assert not isinstance(outcome, Exception) or isinstance(outcome, errors.TaskAlreadyCompleted), outcome
        assert house.worklist.case(ref.key, house.person("root")).variables["product"] == "电饭煲"
        with house.database.read() as tx:
            assert tx.execute(select(draft.c.username).where(draft.c.item_key == task)).all() == []


def test_of_two_who_claim_at_once_one_holds_it_and_the_other_is_told(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    for _ in range(4):
        [task] = house.casework.start_case("complaint", by="alice").next_item_keys
        outcomes = dict(
            zip(
                ("alice", "bob"),
                at_once([partial(house.casework.claim, task, by=who) for who in ("alice", "bob")]),
                strict=True,
            )
        )
        [holder] = [who for who, outcome in outcomes.items() if outcome is None]
        [told] = [outcome for outcome in outcomes.values() if outcome is not None]
        assert isinstance(told, errors.TaskClaimedBySomeoneElse)
        assert told.by == holder
        assert house.worklist.item(task, house.person(holder)).assignee == holder


def test_a_case_cancelled_while_its_task_is_completed(house: House) -> None:
    house.deploy(procedures.COMPLAINT)
    for _ in range(4):
        ref = house.casework.start_case("complaint", by="alice")
        completed, canceled = at_once(
            [
                partial(house.casework.complete_task, ref.next_item_keys[0], {}, by="alice"),
                partial(house.casework.cancel_case, ref.key, "客户撤诉", by="root"),
            ]
        )
        assert canceled is None
        assert not isinstance(completed, Exception) or isinstance(completed, errors.TaskCanceled), completed
        assert house.waits(ref.key) == []
        assert house.worklist.case(ref.key, house.person("root")).case.state == "CANCELED"
        assert journal.verify(house.database, ref.key).intact
