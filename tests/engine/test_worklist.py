"""The questions people ask, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.casework import errors
from engine.journal import verify
from engine.worklist import Scope, Sort, Urgency
from engine.worklist import timeline as worklist_timeline
from tests.engine import procedures
from tests.engine.conftest import House
from tests.engine.procedures import chain, el, end, file, flow, lanes, process, start, user, z

DAY = timedelta(days=1)


def due(element: str, expression: str, **more: str) -> str:
    return user(
        element,
        ext=z("taskSchedule", dueDate=f"={expression}") + z("priorityDefinition", **more)
        if more
        else z("taskSchedule", dueDate=f"={expression}"),
    )


TODO = file(
    process(
        "todo",
        lanes(第一接待人="s work e"),
        start(),
        user(
            "work",
            name="处理",
            ext=z("taskSchedule", dueDate="=due", followUpDate="=due") + z("priorityDefinition", priority="=priority"),
        ),
        end(),
        chain("s work e"),
        ext=procedures.properties(
            case_title="=title", case_complainant="=name", case_phone="=phone", case_product="=goods"
        ),
        name="待办",
    )
)


def open_todo(house: House, due: str | None, *, priority: int = 50, **facts: str) -> int:
    variables = {"due": due, "priority": priority, "title": None, "name": None, "phone": None, "goods": None, **facts}
    return house.casework.start_case("todo", variables, by="bob").next_item_keys[0]


@pytest.fixture
def todo(house: House) -> House:
    house.deploy(TODO)
    return house


class TestMyItems:
    def test_sorted_by_deadline_those_without_last(self, todo: House) -> None:
        none = open_todo(todo, None)
        late = open_todo(todo, "2026-12-24T09:00:00+08:00", priority=90)
        soon = open_todo(todo, "2026-11-24T09:00:00+08:00", priority=10)
        alice = todo.person("alice")

        def keys(sort: Sort) -> list[int]:
            return [item.key for item in todo.worklist.my_items(alice, sort=sort).items]

        assert keys(Sort.DUE) == [soon, late, none]
        assert keys(Sort.NEWEST) == [soon, late, none]
        assert keys(Sort.OLDEST) == [none, late, soon]
        assert keys(Sort.PRIORITY) == [late, none, soon]

    @pytest.mark.parametrize("sort", list(Sort))
    def test_pages_hold_everything_once(self, todo: House, sort: Sort) -> None:
        for number in range(7):
            open_todo(todo, f"2026-11-2{4 + number % 3}T09:00:00+08:00", priority=number % 2)
        alice, seen, after = todo.person("alice"), [], None
        while True:
            page = todo.worklist.my_items(alice, sort=sort, limit=3, after=after)
            seen += [item.key for item in page.items]
            assert (page.total, page.total_capped) == (7, False)
            after = page.next
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 7
        assert seen == [item.key for item in todo.worklist.my_items(alice, sort=sort).items]
        with pytest.raises(errors.Invalid):
            todo.worklist.my_items(alice, after="nonsense")

    def test_urgency_is_told_in_chinese_days(self, todo: House) -> None:
        expected = {
            open_todo(todo, "2026-11-23T08:59:00+08:00"): Urgency.OVERDUE,
            open_todo(todo, "2026-11-23T09:01:00+08:00"): Urgency.TODAY,
            open_todo(todo, "2026-11-24T00:00:00+08:00"): Urgency.TODAY,  # 24:00 of today
            open_todo(todo, "2026-11-24T00:01:00+08:00"): Urgency.SOON,
            open_todo(todo, "2026-11-26T00:00:00+08:00"): Urgency.SOON,
            open_todo(todo, "2026-11-26T00:01:00+08:00"): Urgency.LATER,
            open_todo(todo, None): Urgency.NONE,
        }
        alice = todo.person("alice")
        page = todo.worklist.my_items(alice)
        found = {item.key: item.due.urgency if item.due else Urgency.NONE for item in page.items}
        assert found == expected
        assert page.counts == {"mine": 0, "groups": 7, "overdue": 1, "today": 2}
        for urgency in Urgency:
            keys = {item.key for item in todo.worklist.my_items(alice, urgency=urgency).items}
            assert keys == {key for key, state in expected.items() if state is urgency}

    def test_mine_and_my_groups(self, todo: House) -> None:
        mine, groups, bobs = (open_todo(todo, None) for _ in range(3))
        todo.casework.claim(mine, by="alice")
        todo.casework.claim(bobs, by="bob")
        alice = todo.person("alice")
        for scope, keys in ((Scope.MINE, [mine]), (Scope.GROUPS, [groups]), (Scope.ALL, [mine, groups])):
            assert [item.key for item in todo.worklist.my_items(alice, scope=scope).items] == keys
        assert todo.worklist.my_items(todo.person("carol")).items == ()
        [row] = todo.worklist.my_items(alice, scope=Scope.MINE).items
        assert (row.assignee_name, row.process_name, row.lane) == ("陈爱丽", "待办", "第一接待人")

    def test_filters(self, todo: House) -> None:
        wang = open_todo(todo, None, name="王小明", goods="电热水壶")
        open_todo(todo, None, name="李四", goods="电饭煲")
        alice = todo.person("alice")
        for text in ("王小明", "热水", "0001"):
            assert [item.key for item in todo.worklist.my_items(alice, text=text).items] == [wang]
        assert todo.worklist.my_items(alice, process_id="other").items == ()
        [row] = todo.worklist.my_items(alice, text="王小明").items
        assert [i.key for i in todo.worklist.my_items(alice, case_key=row.case_key).items] == [wang]

    def test_a_task_offered_twice_is_listed_once(self, house: House) -> None:
        house.people.change("alice", groups=["第一接待人", "客服部"], by="root")
        house.deploy(
            file(
                process(
                    "p",
                    start(),
                    user(
                        "a",
                        ext=z(
                            "assignmentDefinition",
                            candidateGroups='=["第一接待人", "客服部"]',
                            candidateUsers='=["alice"]',
                        ),
                    ),
                    end(),
                    chain("s a e"),
                )
            )
        )
        house.casework.start_case("p", by="alice")
        page = house.worklist.my_items(house.person("alice"))
        assert (len(page.items), page.total, page.counts["groups"]) == (1, 1, 1)

    def test_a_list_costs_a_few_statements(self, todo: House) -> None:
        for _ in range(3):
            open_todo(todo, None)
        alice = todo.person("alice")
        todo.statements.clear()
        todo.worklist.my_items(alice)
        assert len(todo.statements) == 4


class TestSearch:
    @pytest.fixture
    def found(self, todo: House) -> House:
        open_todo(todo, None, title="电热水壶漏电", name="王小明", phone="13812345678", goods="电热水壶 A-200")
        open_todo(todo, None, title="假酒", name="欧阳修", phone="0755-1234567", goods="茅台")
        return todo

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("王小明", ["王小明"]),
            ("小明", ["王小明"]),
            ("明王", []),
            ("王", ["王小明"]),
            ("茅台", ["欧阳修"]),
            ("a-200", ["王小明"]),
            ("TS-202611-0002", ["欧阳修"]),
            ("0001", ["王小明"]),
            ("13812345678", ["王小明"]),
            ("5678", ["王小明"]),
            ("07551234567", ["欧阳修"]),
            ("", ["欧阳修", "王小明"]),
            ("%", []),
            ("电热 水壶", []),
            ("电热水壶 a", ["王小明"]),
        ],
    )
    def test_by_number_name_phone_and_product(self, found: House, text: str, names: list[str]) -> None:
        assert [case.complainant for case in found.worklist.search(text, found.person("bob"))] == names

    def test_phones_are_masked_in_lists_only(self, found: House) -> None:
        [case] = found.worklist.search("王小明", found.person("bob"))
        assert case.phone == "138****5678"
        assert found.worklist.case(case.key, found.person("bob")).case.phone == "13812345678"

    def test_strangers_find_nothing(self, found: House) -> None:
        assert found.worklist.search("王小明", found.person("charlie")) == ()
        assert found.worklist.search("", found.person("carol")) == ()
        assert len(found.worklist.search("", found.person("alice"))) == 2
        assert len(found.worklist.search("", found.person("auditor"))) == 2

    def test_a_changed_name_is_found_by_the_new_one(self, found: House) -> None:
        [case] = found.worklist.search("王小明", found.person("bob"))
        found.casework.set_variables(case.key, {"name": "王大明"}, "姓名有误", by="root")
        assert found.worklist.search("小明", found.person("bob")) == ()
        assert len(found.worklist.search("王大明", found.person("bob"))) == 1

    def test_by_number(self, found: House) -> None:
        assert found.worklist.case_by_number("TS-202611-0001", found.person("bob")).case.complainant == "王小明"
        with pytest.raises(errors.NotFound):
            found.worklist.case_by_number("TS-202611-0001", found.person("charlie"))


CALLING = file(
    process(
        "outer",
        start(),
        el("exclusiveGateway", "which", default="no"),
        el("callActivity", "call", ext=z("calledElement", processId="inner")),
        user("skipped"),
        end(),
        end("e4"),
        flow("s", "which", flow_id="f1"),
        flow("which", "call", "=go", flow_id="yes"),
        flow("which", "skipped", flow_id="no"),
        chain("call e"),
        chain("skipped e4"),
    ),
    process(
        "inner",
        start("s2"),
        user("first", ext=z("taskSchedule", dueDate='=now() + duration("PT1H")')),
        user("second"),
        end("e2"),
        chain("s2 first second e2"),
    ),
)


class TestCaseView:
    def test_the_diagrams_show_where_the_case_is(self, house: House) -> None:
        house.deploy(CALLING)
        ref = house.casework.start_case("outer", {"go": True}, by="alice")
        root = house.person("root")
        outer, inner = house.worklist.case(ref.key, root).diagrams
        assert (outer.process_id, outer.current, outer.finished) == ("outer", ("call",), ("f1", "s", "which", "yes"))
        assert (inner.process_id, inner.current) == ("inner", ("first",))
        assert inner.overdue == ()
        house.clock.advance(timedelta(hours=2))
        assert house.worklist.case(ref.key, root).diagrams[1].overdue == ("first",)
        house.casework.complete_task(house.open(ref.key)["first"], {}, by="alice")
        house.casework.complete_task(house.open(ref.key)["second"], {}, by="alice")
        outer, inner = house.worklist.case(ref.key, root).diagrams
        assert outer.current == inner.current == inner.overdue == ()
        assert {"call", "e", "call__e"} <= set(outer.finished)
        assert {"first", "second", "first__second", "second__e2"} <= set(inner.finished)
        assert "skipped" not in outer.finished

    def test_the_history_is_told_in_chinese(self, house: House) -> None:
        house.deploy(procedures.COMPLAINT)
        ref = house.casework.start_case("complaint", by="alice")
        house.casework.complete_task(ref.next_item_keys[0], {}, by="alice")
        view = house.worklist.case(ref.key, house.person("alice"))
        told = [(entry.actor_name, entry.text) for entry in reversed(view.timeline)]
        assert told == [
            ("陈爱丽", "立案，编号HJ-TS-202611-0001，按“投诉”第1版办理"),
            ("陈爱丽", "“登记投诉”等待第一接待人办理"),
            ("陈爱丽", "领取“登记投诉”"),
            ("陈爱丽", "办结“登记投诉”"),
            ("陈爱丽", "“审批方案”等待客服部办理"),
            ("陈爱丽", "“审批方案”的期限为2026年11月26日24:00（自11月23日起第3个自然日24:00）"),
        ]
        assert not any(entry.technical for entry in view.timeline)
        assert not view.timeline_more

    def test_the_history_comes_in_pages(self, house: House) -> None:
        house.deploy(procedures.COMPLAINT)
        ref = house.casework.start_case("complaint", by="alice")
        for number in range(5):
            house.casework.comment(ref.key, str(number), by="alice")
        alice = house.person("alice")
        first = house.worklist.timeline(ref.key, alice, limit=4)
        second = house.worklist.timeline(ref.key, alice, limit=4, before=first[-1].seq)
        assert [e.seq for e in (*first, *second)] == sorted((e.seq for e in (*first, *second)), reverse=True)
        assert len({e.seq for e in (*first, *second)}) == len(first) + len(second) == 7

    def test_deadlines_and_items(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        view = house.worklist.case(ref.key, house.person("alice"))
        assert [item.element_id for item in view.deadlines] == ["remind", "work", "escalate"]
        assert view.items[0].due is not None
        assert view.case.started_by_name == "陈爱丽"
        assert not view.may_cancel
        assert house.worklist.case(ref.key, house.person("root")).may_cancel

    def test_every_event_has_its_sentence(self, house: House) -> None:
        """Whatever a whole case writes is put into words."""
        house.deploy(CALLING)
        ref = house.casework.start_case("outer", {"go": True}, by="alice")
        house.casework.complete_task(house.open(ref.key)["first"], {"x": 1}, by="alice")
        house.casework.complete_task(house.open(ref.key)["second"], {}, by="alice")
        entries = house.worklist.timeline(ref.key, house.person("root"), technical=True, limit=1000)
        assert {entry.event for entry in entries} <= set(worklist_timeline.all_events())
        assert verify(house.database, ref.key).intact


class TestTaskView:
    def test_what_a_task_page_needs(self, house: House) -> None:
        form = b'{"id": "complaint.register", "components": []}'
        drawn = process(
            "complaint",
            lanes(第一接待人="s register e"),
            start(),
            el(
                "userTask",
                "register",
                "<bpmn:documentation>请先安抚客户。</bpmn:documentation>",
                name="登记投诉",
                ext=z("userTask") + z("formDefinition", formId="complaint.register"),
            )
            .replace(
                "</bpmn:extensionElements><bpmn:documentation>请先安抚客户。</bpmn:documentation>",
                "</bpmn:extensionElements>",
            )
            .replace('name="登记投诉">', 'name="登记投诉"><bpmn:documentation>请先安抚客户。</bpmn:documentation>'),
            end(),
            chain("s register e"),
        )
        house.deploy(file(drawn) | {"forms/complaint/register.form": form})
        ref = house.casework.start_case("complaint", {"product": "壶"}, by="alice")
        view = house.worklist.item(ref.next_item_keys[0], house.person("alice"))
        assert (view.form_id, view.form_file, view.form) == (
            "complaint.register",
            "forms/complaint/register.form",
            form,
        )
        assert view.documentation == "请先安抚客户。"
        assert view.variables["product"] == "壶"
        assert (view.may_claim, view.may_complete, view.may_release, view.refusal) == (True, True, False, "")
        house.casework.claim(view.key, by="bob")
        view = house.worklist.item(view.key, house.person("alice"))
        assert (view.may_complete, view.refusal) == (False, "任务已由王博领取。")
        assert house.worklist.item(view.key, house.person("bob")).may_release
        house.casework.complete_task(view.key, {"done": True}, by="bob")
        view = house.worklist.item(view.key, house.person("alice"))
        assert (view.state, view.closed_by_name, view.variables["done"]) == ("COMPLETED", "王博", True)

    def test_incidents_are_for_those_who_may_see_them(self, house: House) -> None:
        house.deploy(file(process("p", start(), procedures.job("j", kind="nobody_knows"), end(), chain("s j e"))))
        house.casework.start_case("p", by="alice")
        for username, count in (("alice", 1), ("owner", 1), ("auditor", 1), ("root", 1), ("charlie", 0)):
            assert len(house.worklist.incidents(house.person(username))) == count
        [found] = house.worklist.search("", house.person("alice"))
        assert found.incidents == 1
