"""Persons, passwords, masks."""

from __future__ import annotations

import pytest

from engine.database import Database
from engine.identity import (
    ADMINISTRATORS,
    AUDITORS,
    SYSTEM,
    MayNotAdminister,
    People,
    PersonRefused,
    UnknownPerson,
    WrongPassword,
    mask_name,
    mask_number,
)
from tests.engine.conftest import CHEAP
from tests.fakes import FrozenClock


@pytest.fixture
def people(database: Database) -> People:
    people = People(database, clock=FrozenClock(), hasher=CHEAP)
    people.add("alice", "陈爱丽", "alice-password", ["第一接待人", AUDITORS], by=SYSTEM)
    return people


def test_signing_in(people: People) -> None:
    alice = people.verify("alice", "alice-password")
    assert (alice.display_name, alice.groups) == ("陈爱丽", {"第一接待人", AUDITORS})
    assert alice.is_auditor
    assert not alice.is_administrator


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("nobody", "alice-password"), ("system", "")])
def test_signing_in_wrongly_tells_nothing(people: People, username: str, password: str) -> None:
    with pytest.raises(WrongPassword, match="用户名或密码不正确"):
        people.verify(username, password)


def test_somebody_inactive_or_without_password_cannot_sign_in(people: People) -> None:
    people.change("alice", active=False, by=SYSTEM)
    people.add("sso", "外部", None, by=SYSTEM)
    for username, password in (("alice", "alice-password"), ("sso", "")):
        with pytest.raises(WrongPassword):
            people.verify(username, password)


def test_changing(people: People) -> None:
    changed = people.change("alice", groups=["客服部"], display_name="陈丽", password="a-new-password", by=SYSTEM)
    assert (changed.display_name, changed.groups) == ("陈丽", {"客服部"})
    assert people.verify("alice", "a-new-password") == changed
    with pytest.raises(UnknownPerson):
        people.change("nobody", active=False, by=SYSTEM)


@pytest.mark.parametrize(
    ("username", "name", "password", "groups"),
    [
        ("alice", "另一人", "long-enough", []),
        ("system", "系统", "long-enough", []),
        ("a b", "空格", "long-enough", []),
        ("", "无名", "long-enough", []),
        ("dora", " ", "long-enough", []),
        ("dora", "多拉", "short", []),
        ("dora", "多拉", "long-enough", ["*"]),
    ],
)
def test_unfit_persons_are_refused(people: People, username: str, name: str, password: str, groups: list[str]) -> None:
    with pytest.raises(PersonRefused):
        people.add(username, name, password, groups, by=SYSTEM)


def test_lists(people: People) -> None:
    people.add("bob", "王博", None, ["第一接待人"], by=SYSTEM)
    people.add("zoe", "离职", None, ["第一接待人"], by=SYSTEM)
    people.change("zoe", active=False, by=SYSTEM)
    assert [person.username for person in people.everyone()] == ["alice", "bob", "zoe"]
    assert [person.username for person in people.members("第一接待人")] == ["alice", "bob"]
    assert people.find("nobody") is None


def test_masks() -> None:
    assert mask_name("王小明") == "王**"
    assert mask_name("欧阳") == "欧*"
    assert mask_name("王") == "王"
    assert mask_number("13812345678") == "138****5678"
    assert mask_number("11010519491231002X") == "1101**********002X"
    assert mask_number("12345") == "***45"
    assert mask_number("") == ""


def test_what_ends_the_sessions_of_a_person(people: People) -> None:
    stamps = [people.verify("alice", "alice-password").session_stamp]
    people.change("alice", groups=["客服部"], display_name="陈丽", by=SYSTEM)
    assert people.verify("alice", "alice-password").session_stamp == stamps[0] != ""
    stamps.append(people.change("alice", password="another-password", by=SYSTEM).session_stamp)
    stamps.append(people.change_password("alice", "another-password", "my-own-password").session_stamp)
    stamps.append(people.sign_out_everywhere("alice", by="alice").session_stamp)
    stamps.append(people.change("alice", active=False, by=SYSTEM).session_stamp)
    assert people.change("alice", active=True, by=SYSTEM).session_stamp == stamps[-1]
    assert len(set(stamps)) == len(stamps) == 5


def test_changing_ones_own_password(people: People) -> None:
    with pytest.raises(WrongPassword):
        people.change_password("alice", "wrong-password", "my-own-password")
    for weak in ("short", "alice-password", "aaaaaaaaaaaa"):
        with pytest.raises(PersonRefused):
            people.change_password("alice", "alice-password", weak)
    people.change_password("alice", "alice-password", "my-own-password")
    assert people.verify("alice", "my-own-password").username == "alice"


def test_nobody_administers_but_administrators(people: People) -> None:
    people.add("root", "管理员", "root-password", [ADMINISTRATORS], by=SYSTEM)
    with pytest.raises(MayNotAdminister):
        people.sign_out_everywhere("root", by="alice")
    with pytest.raises(MayNotAdminister):
        people.change("alice", groups=[ADMINISTRATORS], by="alice")
    people.sign_out_everywhere("alice", by="root")
    for change in ({"active": False}, {"groups": ["客服部"]}):
        with pytest.raises(PersonRefused, match="另一位管理员"):
            people.change("root", **change, by="root")  # type: ignore[arg-type]
