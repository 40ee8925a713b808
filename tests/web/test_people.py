"""People and their sessions: who changes whom, and what ends a session elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.identity import ADMINISTRATORS
from tests.web.office import PASSWORD, ROOT, Browser, Office, words
from web import cli

NEW = "quite-another-2026"


def signed_in(browser: Browser) -> bool:
    return browser.get("/tasks").status_code == 200


def test_only_administrators_manage_people(office: Office) -> None:
    for username in ("anna", "audra", "olga"):
        browser = office.client(username)
        assert browser.get("/people").status_code == 403
        for path, data in (
            ("/people", {"username": "mallory", "display_name": "马", "password": NEW, "groups": ADMINISTRATORS}),
            ("/people/edit", {"username": "adam"}),
            ("/people/change", {"username": username, "display_name": "x", "groups": ADMINISTRATORS, "active": "yes"}),
            ("/people/sign-out", {"username": "adam"}),
        ):
            assert browser.post(path, data).status_code == 403, path
        assert "/people" not in browser.get("/tasks").text
    assert office.people.find("mallory") is None
    assert not office.people.find("anna").is_administrator  # type: ignore[union-attr]


def test_an_administrator_makes_and_changes_somebody(office: Office) -> None:
    adam = office.client("adam")
    page = words(adam.get("/people"))
    assert "安娜" in page
    assert "第一接待人" in page
    data = {"username": "dora", "display_name": "朵拉", "password": PASSWORD, "groups": ["客服部"]}
    assert adam.post("/people", data).status_code == 303
    assert "已建立 朵拉 的帐号" in words(adam.get("/people"))
    dora = office.client("dora")
    assert signed_in(dora)

    shown = adam.post("/people/edit", {"username": "dora"})
    assert 'name="groups" value="客服部" checked' in shown.text
    change = {"username": "dora", "display_name": "多拉", "groups": ["防损部", "审计"], "active": "yes"}
    assert adam.post("/people/change", change).status_code == 303
    changed = office.people.find("dora")
    assert changed is not None
    assert (changed.display_name, changed.groups, changed.active) == ("多拉", {"防损部", "审计"}, True)
    assert signed_in(dora)  # other groups are no reason to sign in again

    assert adam.post("/people/change", {**change, "password": NEW}).status_code == 303
    assert not signed_in(dora)
    assert dora.sign_in("dora", NEW).status_code == 303
    assert adam.post("/people/change", {**change, "active": "no"}).status_code == 303
    assert not signed_in(dora)
    assert dora.sign_in("dora", NEW).status_code == 422


def test_what_was_typed_stays_when_it_is_refused(office: Office) -> None:
    adam = office.client("adam")
    refused = adam.post("/people", {"username": "anna", "display_name": "另一位安娜", "groups": ["客服部"]})
    assert refused.status_code == 422
    assert "已有人使用" in words(refused)
    assert 'value="另一位安娜"' in refused.text
    assert 'value="客服部" checked' in refused.text
    weak = adam.post("/people/change", {"username": "bob", "display_name": "鲍", "active": "yes", "password": "short"})
    assert weak.status_code == 422
    assert "密码至少要有8个字符" in words(weak)
    assert adam.post("/people/edit", {"username": "nobody"}).status_code == 422
    assert adam.post("/people/edit", {"username": "system"}).status_code == 422


def test_administrators_cannot_lock_themselves_out(office: Office) -> None:
    adam = office.client("adam")
    for data in ({"groups": ["客服部"], "active": "yes"}, {"groups": [ADMINISTRATORS]}):
        refused = adam.post("/people/change", {"username": "adam", "display_name": "亚当", **data})
        assert refused.status_code == 422
        assert "另一位管理员" in words(refused)
    assert signed_in(adam)


def test_signing_out_everywhere_ends_the_sessions_of_one_person(office: Office) -> None:
    here, there, other = office.client("anna"), office.client("anna"), office.client("bob")
    assert here.post("/account/sign-out-everywhere").status_code == 303
    assert not signed_in(here)
    assert not signed_in(there)
    assert signed_in(other)
    assert here.sign_in("anna").status_code == 303
    assert signed_in(here)


def test_an_administrator_ends_somebodys_sessions(office: Office) -> None:
    anna = office.client("anna")
    office.client("adam").post("/people/sign-out", {"username": "anna"})
    assert not signed_in(anna)


def test_a_copied_session_ends_too(office: Office) -> None:
    anna = office.client("anna")
    copied = anna.client.get_cookie("hejie_session")
    assert copied is not None
    thief = office.client()
    thief.client.set_cookie("hejie_session", copied.value)
    assert signed_in(thief)
    anna.post("/account/password", {"old": PASSWORD, "new": NEW, "again": NEW})
    assert signed_in(anna)
    assert not signed_in(thief)


def test_changing_ones_own_password(office: Office) -> None:
    anna = office.client("anna")
    for data, said in (
        ({"old": PASSWORD, "new": NEW, "again": "different-2026"}, "两次输入的新密码不一样"),
        ({"old": "wrong-password", "new": NEW, "again": NEW}, "原密码不对"),
        ({"old": PASSWORD, "new": "anna", "again": "anna"}, "密码至少要有8个字符"),
    ):
        refused = anna.post("/account/password", data)
        assert refused.status_code == 422
        assert said in words(refused)
    assert anna.post("/account/password", {"old": PASSWORD, "new": NEW, "again": NEW}).status_code == 303
    assert office.client().sign_in("anna", PASSWORD).status_code == 422
    assert office.client().sign_in("anna", NEW).status_code == 303


def test_guessing_the_old_password_is_slowed_down(office: Office) -> None:
    anna = office.client("anna")
    tries = [
        anna.post("/account/password", {"old": f"guess-number-{n}", "new": NEW, "again": NEW}).status_code
        for n in range(10)
    ]
    assert tries[0] == 422
    assert tries[-1] == 429


def hejie(tmp_path: Path, *arguments: str, typed: str = "") -> Result:
    environ = {"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path), "COLUMNS": "120"}
    return CliRunner().invoke(cli.main, list(arguments), env=environ, input=typed)


def test_people_by_command(tmp_path: Path) -> None:
    made = hejie(tmp_path, "add-person", "dora", "朵拉", "--group", "客服部", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert hejie(tmp_path, "add-person", "sso", "统一", "--outside").exit_code == 0
    changed = hejie(tmp_path, "change-person", "dora", "--group", "防损部", "--inactive", "--name", "多拉")
    assert changed.exit_code == 0, changed.output
    listed = hejie(tmp_path, "people").output
    assert [word in listed for word in ("dora", "多拉", "防损部", "停用", "sso", "在用")] == [True] * 6
    assert "客服部" not in listed
    assert hejie(tmp_path, "change-person", "dora", "--no-groups", "--active", "--sign-out").exit_code == 0
    assert "防损部" not in hejie(tmp_path, "people").output
    assert hejie(tmp_path, "change-person", "dora", "--stands-in-for", "sso").exit_code == 0
    assert hejie(tmp_path, "change-person", "dora", "--stands-in-for-nobody").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("change-person", "nobody", "--active"), "没有用户“nobody”"),
        (("change-person", "nobody"), "没有给出要改什么"),
        (("change-person", "nobody", "--group", "a", "--no-groups"), "只能用一个"),
        (("change-person", "nobody", "--stands-in-for", "a", "--stands-in-for-nobody"), "只能用一个"),
        (("add-person", "x y", "名", "--outside"), "用户名只能由"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = hejie(tmp_path, *arguments)
    assert result.exit_code != 0
    assert said in result.stderr
