"""The deadlines of a case on its page and on the work list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.engine.procedures import chain, end, file, headers, io, job, lanes, process, properties, start, user
from tests.web.office import Office, words

RULE = "《市场监督管理投诉举报处理办法》第十六条"


def opening(name: str, due: str, **given: str) -> str:
    return job(name, kind="open_deadline", ext=headers(deadline=name, **given) + io({"due": due}))


LIMITED = file(
    process(
        "limited",
        lanes(客服部="s acceptance answer work stop wait go after e"),
        start(),
        opening("acceptance", f'=rule(workingDays(now(), 7), "{RULE}")', title="受理期限", kind="statutory"),
        opening("answer", "=hours(now(), 2)", title="首次答复", kind="internal"),
        user("work", name="审查"),
        job("stop", kind="pause_deadline", ext=headers(deadline="acceptance") + io({"reason": '="委托鉴定"'})),
        user("wait", name="鉴定"),
        job("go", kind="resume_deadline", ext=headers(deadline="*")),
        user("after", name="办结"),
        end(),
        chain("s acceptance answer work stop wait go after e"),
        ext=properties(case_title="燃气灶打不着火"),
        name="限期案件",
    ),
    name="limited",
)


@pytest.fixture
def case_key(office: Office) -> int:
    office.house.casework.deploy(LIMITED, by="system", check=lambda _: [])
    return office.house.casework.start_case("limited", by="anna").key


def test_the_page_names_each_with_its_rule_and_history(office: Office, case_key: int) -> None:
    anna = office.client("anna")
    shown = words(anna.get(f"/cases/{case_key}"))
    assert "受理期限 法定 计时中" in shown
    assert RULE in shown
    assert "首次答复 内部 计时中" in shown
    office.clock.advance(timedelta(hours=3))
    office.work()
    anna.post(f"/tasks/{office.open_tasks(case_key)['work']}/complete")
    shown = words(anna.get(f"/cases/{case_key}"))
    assert "首次答复 内部 已超期" in shown
    assert "受理期限 法定 暂停" in shown
    assert "起暂停：委托鉴定" in shown
    office.clock.advance(timedelta(days=7))
    anna.post(f"/tasks/{office.open_tasks(case_key)['wait']}/complete")
    shown = words(anna.get(f"/cases/{case_key}"))
    assert "已暂停 1 次，顺延 5 个工作日" in shown
    assert "期限“受理期限”恢复计时，顺延5个工作日" in shown


def test_the_work_list_shows_them_to_whom_they_concern(office: Office, case_key: int) -> None:
    assert "案件期限" not in words(office.client("anna").get("/tasks"))
    today = words(office.client("bob").get("/tasks?urgency=today"))
    assert "案件期限 1 首次答复 内部" in today
    office.clock.advance(timedelta(hours=3))
    office.work()
    assert "首次答复" in words(office.client("bob").get("/tasks?urgency=overdue"))
    assert "首次答复" not in words(office.client("bob").get("/tasks?urgency=soon"))
    assert "首次答复" not in words(office.client("charlie").get("/tasks?urgency=overdue"))
    office.clock.advance(timedelta(days=8))
    assert "受理期限" in words(office.client("bob").get("/tasks?urgency=soon"))


def test_numbers_in_reasons_are_masked_for_who_has_no_part(office: Office, case_key: int) -> None:
    office.house.casework.complete_task(office.open_tasks(case_key)["work"], {}, by="bob")
    assert "委托鉴定" in words(office.client("audra").get(f"/cases/{case_key}"))
