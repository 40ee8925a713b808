"""Stand-ins on the pages: an administrator sets them, the work list and the task say for whom."""

from __future__ import annotations

from tests.web.office import Office, words


def change(office: Office, others: str) -> str:
    answer = office.client("adam").post(
        "/people/change",
        {"username": "charlie", "display_name": "查理", "groups": "防损部", "active": "yes", "stands_in_for": others},
    )
    return f"{answer.status_code} {words(answer)}"


def test_set_on_the_page_and_shown_on_list_and_task(office: Office) -> None:
    case = office.register(by="anna")
    assert change(office, "bob，anna").startswith("303")
    form = office.client("adam").post("/people/edit", {"username": "charlie"})
    assert 'value="anna, bob"' in form.text
    assert "现在代： 安娜、鲍勃" in words(form).replace("代：安娜", "代： 安娜")
    charlie = office.client("charlie")
    assert "代安娜" in words(charlie.get("/tasks"))
    task = next(iter(office.open_tasks(case).values()))
    assert "您代安娜办理这项任务。" in words(charlie.get(f"/tasks/{task}"))
    assert charlie.post(f"/tasks/{task}/claim").status_code == 303
    assert "（代安娜）" in words(office.client("audra").get(f"/cases/{case}"))
    assert "代安娜" not in words(office.client("anna").get("/tasks"))


def test_an_unknown_name_is_said_and_kept_in_the_form(office: Office) -> None:
    answer = change(office, "nobody")
    assert answer.startswith("422")
    assert "没有用户“nobody”" in answer
