"""Counting and sampling cases, on both databases: dimensions, periods, shares, changes, what is on time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from engine import statistics
from engine.statistics import MISSING, Scope
from engine.tables import case, case_dimension, deadline, deployment
from tests.engine.conftest import House
from tests.engine.procedures import chain, end, file, headers, io, job, process, properties, start, user, z

DAY = timedelta(days=1)

COUNTED = file(
    process(
        "counted",
        start(),
        user("register", ext=z("taskSchedule", dueDate='=now() + duration("P2D")')),
        user("finish"),
        end(),
        chain("s register finish e"),
        ext=properties(
            case_dimension_channel="=channel",
            case_dimension_category="=if category = null then null else category",
            case_dimension_kind="complaint",
            case_dimension_minutes="=number(minutes)",
        ),
        name="计数",
    ),
    name="counted",
)


def begin(house: House, **variables: Any) -> int:
    return house.casework.start_case("counted", variables, by="alice").key


def finish(house: House, case_key: int, **answers: Any) -> None:
    house.casework.complete_task(house.open(case_key)["register"], answers, by="alice")
    house.casework.complete_task(house.open(case_key)["finish"], {}, by="alice")


def counts(house: House, name: str, scope: Scope, *, compare: bool = False) -> list[tuple[Any, ...]]:
    with house.database.read() as tx:
        found = statistics.by_dimension(tx, scope, name, compare=compare, now=house.clock.now())
    return [(line.value, line.count, line.share, *([line.change] if compare else [])) for line in found]


@pytest.fixture
def scope(house: House) -> Scope:
    house.deploy(COUNTED)
    return Scope(house.clock.now() - DAY, house.clock.now() + 10 * DAY)


class TestDimensions:
    def test_they_follow_the_variables(self, house: House, scope: Scope) -> None:
        key = begin(house, channel="电话", minutes=3)
        assert counts(house, "channel", scope) == [("电话", 1, 1.0)]
        assert counts(house, "kind", scope) == [("complaint", 1, 1.0)]
        assert counts(house, "minutes", scope) == [("3", 1, 1.0)]
        assert counts(house, "category", scope) == [(MISSING, 1, 1.0)]
        finish(house, key, category="质量", channel="网站")
        assert counts(house, "channel", scope) == [("网站", 1, 1.0)]
        assert counts(house, "category", scope) == [("质量", 1, 1.0)]

    def test_null_keeps_and_a_list_is_one_value(self, house: House, scope: Scope) -> None:
        key = begin(house, channel=["电话", "信件"])
        assert counts(house, "channel", scope) == [("电话、信件", 1, 1.0)]
        house.casework.set_variables(key, {"channel": None}, "更正", by="root")
        assert counts(house, "channel", scope) == [("电话、信件", 1, 1.0)]

    def test_a_step_that_changes_nothing_writes_nothing(self, house: House, scope: Scope) -> None:
        key = begin(house, channel="电话")
        house.statements.clear()
        house.casework.complete_task(house.open(key)["register"], {}, by="alice")
        assert not [text for text in house.statements if "case_dimension" in text]

    def test_names_of_a_period(self, house: House, scope: Scope) -> None:
        begin(house, channel="电话")
        with house.database.read() as tx:
            assert statistics.dimensions(tx, scope, now=house.clock.now()) == ("channel", "kind")


def known(house: House, shares: dict[str, int], name: str, at: datetime) -> None:
    """Cases as they stand in a source text: so many of each value."""
    with house.database.begin() as tx:
        deployed = tx.execute(select(deployment.c.key).limit(1)).scalar_one()
        first = tx.execute(select(case.c.key).order_by(case.c.key.desc()).limit(1)).scalar_one_or_none() or 0
        values = [value for value, count in shares.items() for _ in range(count)]
        rows = [
            {
                "number": f"K-{first + n}-{name}",
                "process_id": "counted",
                "process_name": "计数",
                "process_version": 1,
                "deployment_key": deployed,
                "state": "COMPLETED",
                "started_by": "alice",
                "started_at": at,
                "ended_at": at + DAY,
                "changed_at": at,
            }
            for n, _ in enumerate(values)
        ]
        keys = sorted(tx.execute(insert(case).returning(case.c.key), rows).scalars())
        tx.execute(
            insert(case_dimension).returning(case_dimension.c.case_key),
            [{"case_key": key, "name": name, "value": value} for key, value in zip(keys, values, strict=True)],
        )


class TestCounting:
    @pytest.mark.parametrize(
        ("total", "parts"),
        [(646, {"a": 438, "b": 147, "c": 50, "d": 11}), (124, {"甲": 15, "乙": 4, "丙": 45, "丁": 60})],
    )
    def test_the_sums_of_the_sources(self, house: House, scope: Scope, total: int, parts: dict[str, int]) -> None:
        known(house, parts, "category", house.clock.now())
        with house.database.read() as tx:
            assert statistics.totals(tx, scope, now=house.clock.now()).total == total
        found = counts(house, "category", scope)
        assert {value: count for value, count, _ in found} == parts
        assert [count for _, count, _ in found] == sorted(parts.values(), reverse=True)
        assert sum(share for *_, share in found) == pytest.approx(1, abs=1e-3)

    def test_against_the_period_before(self, house: House) -> None:
        house.deploy(COUNTED)
        now = house.clock.now()
        known(house, {"质量": 10, "价格": 4}, "category", now - 5 * DAY)
        known(house, {"质量": 15, "服务": 2}, "category", now + DAY)
        found = counts(house, "category", Scope(now, now + 7 * DAY), compare=True)
        assert found == [("质量", 15, 0.8824, 0.5), ("服务", 2, 0.1176, None), ("价格", 0, 0.0, -1.0)]

    def test_where_narrows(self, house: House, scope: Scope) -> None:
        begin(house, channel="电话")
        begin(house, channel="网站", category="质量")
        narrowed = Scope(scope.since, scope.until, where={"channel": ("网站",)})
        assert counts(house, "category", narrowed) == [("质量", 1, 1.0)]
        missing = Scope(scope.since, scope.until, where={"category": (MISSING,)})
        assert counts(house, "channel", missing) == [("电话", 1, 1.0)]
        assert counts(house, "process", scope) == [("计数", 2, 1.0)]

    def test_states_and_what_is_late(self, house: House, scope: Scope) -> None:
        in_time, late, waiting = (begin(house, channel="电话") for _ in range(3))
        finish(house, in_time)
        house.clock.advance(3 * DAY)
        finish(house, late)
        canceled = begin(house, channel="电话")
        house.casework.cancel_case(canceled, "重复", by="root")
        with house.database.read() as tx:
            found = statistics.totals(tx, scope, now=house.clock.now())
        assert (found.total, found.finished, found.open, found.canceled) == (4, 2, 1, 1)
        assert found.overdue == 2
        assert (found.on_time, found.late, found.on_time_share) == (1, 2, 0.3333)
        assert waiting

    def test_limits_of_the_case_count_too(self, house: House, scope: Scope) -> None:
        key = begin(house)
        with house.database.begin() as tx:
            row = {
                "case_key": key,
                "id": "x",
                "title": "期限",
                "kind": "internal",
                "process_id": "counted",
                "element_id": "e",
                "element_name": "e",
                "state": "OPEN",
                "opened_at": house.clock.now(),
                "due_at": house.clock.now() - DAY,
                "unit": "exact",
                "notify": [],
            }
            tx.execute(insert(deadline).values(row))
        with house.database.read() as tx:
            found = statistics.totals(tx, scope, now=house.clock.now())
        assert (found.overdue, found.late) == (1, 1)

    def test_by_state_and_lateness(self, house: House, scope: Scope) -> None:
        finish(house, begin(house, channel="电话"))
        begin(house, channel="电话")
        house.clock.advance(3 * DAY)
        now = house.clock.now()
        with house.database.read() as tx:
            found = {
                text: statistics.count(tx, scope.narrowed(statistics.read_where(text)), now=now)
                for text in (
                    "",
                    "state=finished",
                    "state=open|finished",
                    "overdue=yes",
                    "overdue=no",
                    "channel=网站|电话",
                )
            }
        assert found == {
            "": 2,
            "state=finished": 1,
            "state=open|finished": 2,
            "overdue=yes": 1,
            "overdue=no": 1,
            "channel=网站|电话": 2,
        }

    def test_targets_of_a_table(self, house: House, scope: Scope) -> None:
        known(house, {"mediated": 8, "terminated": 2, "withdrawn": 5}, "outcome", house.clock.now())
        targets = statistics.read_targets(
            [
                {
                    "name": "调解成功率",
                    "of": "outcome=mediated|terminated",
                    "counted": "outcome=mediated",
                    "target": 0.8,
                    "source": "考核办法",
                },
                {"name": "回复率", "of": "channel=电话", "counted": "state=finished", "target": 1},
                {"name": "撤诉率", "counted": "outcome=withdrawn"},
            ]
        )
        with house.database.read() as tx:
            mediated, answered, withdrawn = statistics.kpis(tx, scope, targets, now=house.clock.now())
        assert (mediated.counted, mediated.of, mediated.share, mediated.met) == (8, 10, 0.8, True)
        assert (answered.share, answered.met) == (None, None)
        assert (withdrawn.share, withdrawn.met) == (0.3333, None)

    @pytest.mark.parametrize(
        "rows",
        [
            {},
            ["x"],
            [{"name": "x"}],
            [{"name": "x", "counted": "kind"}],
            [{"name": "x", "counted": "kind=a", "target": "viel"}],
        ],
    )
    def test_wrong_targets_are_named(self, rows: Any) -> None:
        with pytest.raises(statistics.BadTarget):
            statistics.read_targets(rows)

    def test_hot_spots_are_far_above_the_usual(self, house: House) -> None:
        house.deploy(COUNTED)
        now = house.clock.now()
        for weeks in range(1, 5):
            known(house, {"质量": 4, "价格": 4}, "category", now - timedelta(weeks=weeks))
        known(house, {"质量": 6, "价格": 5, "包装": 2, "新款": 3}, "category", now)
        with house.database.read() as tx:
            scope = Scope(now, now + timedelta(weeks=1))
            found = statistics.by_dimensions(tx, scope, ["category"], hot=statistics.HotRule(), now=now)["category"]
        assert {line.value: (line.usual, line.hot) for line in found} == {
            "质量": (4.0, True),
            "价格": (4.0, False),
            "新款": (0.0, True),
            "包装": (0.0, False),
        }

    def test_months_are_compared_with_months(self) -> None:
        march = Scope(datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 31, 16, tzinfo=UTC))
        assert march.before().since == datetime(2026, 1, 31, 16, tzinfo=UTC)
        assert march.before().before().since == datetime(2025, 12, 31, 16, tzinfo=UTC)

    def test_nothing_is_no_error(self, house: House, scope: Scope) -> None:
        with house.database.read() as tx:
            found = statistics.summary(tx, scope, ["channel"], compare=True, now=house.clock.now())
        assert found["total"] == 0
        assert found["on_time_share"] is None
        assert found["by"] == {"channel": []}
        assert found["change"] is None

    def test_too_many_is_refused(self, house: House, scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statistics, "MOST_CASES", 2)
        known(house, {"a": 3}, "category", house.clock.now())
        with house.database.read() as tx, pytest.raises(statistics.TooMany):
            statistics.totals(tx, scope, now=house.clock.now())

    def test_long_lists_are_cut(self, house: House, scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statistics, "MOST_VALUES", 2)
        known(house, {"a": 3, "b": 2, "c": 1, "d": 1}, "category", house.clock.now())
        assert [line[:2] for line in counts(house, "category", scope)] == [("a", 3), ("b", 2), ("（其他）", 2)]


REPORT = file(
    process(
        "report",
        start(),
        job(
            "count",
            kind="case_statistics",
            ext=headers(result_variable="figures")
            + io(
                {
                    "from": '=today() - duration("P1D")',
                    "to": "=tomorrow",
                    "by": '=["channel"]',
                    "previous": "yes",
                    "processes": '=["counted"]',
                }
            ),
        ),
        job(
            "draw",
            kind="sample_cases",
            ext=io({"from": '=today() - duration("P1D")', "to": "=tomorrow", "share": "=share", "most": "=most"}),
        ),
        user("read"),
        end(),
        chain("s count draw read e"),
    ),
    name="report",
)


class TestVerbs:
    def started(self, house: House, **variables: Any) -> tuple[dict[str, Any], int]:
        house.deploy(REPORT)
        variables = {"tomorrow": "2026-11-24", **variables}
        ref = house.casework.start_case("report", variables, by="alice")
        return dict(house.worklist.case(ref.key, house.person("root")).variables), ref.key

    def test_statistics_for_a_document(self, house: House, scope: Scope) -> None:
        finish(house, begin(house, channel="电话"))
        begin(house, channel="网站")
        begin(house, channel="网站")
        figures = self.started(house)[0]["figures"]
        assert (figures["total"], figures["finished"], figures["open"], figures["overdue"]) == (3, 1, 2, 0)
        assert figures["by"]["channel"] == [
            {"value": "网站", "count": 2, "share": 0.6667, "change": None},
            {"value": "电话", "count": 1, "share": 0.3333, "change": None},
        ]
        assert json.dumps(figures)

    @pytest.mark.parametrize(("share", "most", "drawn"), [(None, None, 10), (0.3, None, 3), (0.25, None, 3), (1, 4, 4)])
    def test_a_share_is_drawn(self, house: House, scope: Scope, share: Any, most: Any, drawn: int) -> None:
        for number in range(10):
            finish(house, begin(house, channel=str(number)))
        begin(house)  # not finished: never drawn
        variables, key = self.started(house, share=share, most=most)
        assert len(variables["sample"]) == drawn
        assert set(variables["sample"][0]) == {
            "key",
            "number",
            "process",
            "title",
            "complainant",
            "phone",
            "product",
            "summary",
            "ended_at",
        }
        [told] = [
            entry
            for entry in house.worklist.timeline(key, house.person("root"), technical=True)
            if entry.event == "cases:sampled"
        ]
        assert told.facts["population"] == 10
        with house.database.read() as tx:
            again = statistics.sample(
                tx,
                since=datetime.fromisoformat(told.facts["from"]),
                until=datetime.fromisoformat(told.facts["to"]),
                processes=None,
                share=float(told.facts["share"]),
                most=drawn,
                seed=told.facts["seed"],
            )
        assert [str(found) for found in again.keys] == told.facts["drawn"]

    @pytest.mark.parametrize("variables", [{"share": 2}, {"share": "viel"}, {"most": -1}, {"tomorrow": None}])
    def test_wrong_inputs_are_incidents(self, house: House, scope: Scope, variables: dict[str, Any]) -> None:
        _, key = self.started(house, **variables)
        assert house.waits(key)[0].startswith("job:")


def test_another_seed_draws_others(house: House) -> None:
    house.deploy(COUNTED)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    known(house, {"a": 200}, "category", at)
    drawn = []
    for seed in ("one", "two"):
        with house.database.read() as tx:
            found = statistics.sample(
                tx, since=at, until=at + 2 * DAY, processes=["counted"], share=0.1, most=1000, seed=seed
            )
        assert len(found.keys) == 20
        drawn.append(found.keys)
    assert drawn[0] != drawn[1]
