"""Who may come in through a provider outside, and as whom."""

from __future__ import annotations

import pytest

from engine import journal
from engine.database import Database
from engine.identity import ADMINISTRATORS, SYSTEM, People, WrongPassword
from engine.outside_identity import Outsider, OutsiderRefused, Outsiders, translate
from tests.engine.conftest import CHEAP
from tests.fakes import FrozenClock

WANG = Outsider("https://login.example", "248289761001", "wangbo", "王博", frozenset({"客服部"}))


@pytest.fixture
def people(database: Database) -> People:
    return People(database, clock=FrozenClock(), hasher=CHEAP)


@pytest.fixture
def outsiders(database: Database, people: People) -> Outsiders:
    return Outsiders(database, people, clock=FrozenClock())


def changed(person: Outsider, **values: object) -> Outsider:
    return Outsider(**{**person.__dict__, **values})  # type: ignore[arg-type]


def test_somebody_with_a_group_gets_an_account(outsiders: Outsiders, people: People, database: Database) -> None:
    entered = outsiders.enter(WANG)
    assert (entered.username, entered.display_name, entered.groups) == ("wangbo", "王博", {"客服部"})
    assert entered.session_stamp
    assert people.find("wangbo") == entered
    with pytest.raises(WrongPassword):
        people.verify("wangbo", "")
    assert journal.verify(database, journal.HOUSE).intact


@pytest.mark.parametrize("groups", [None, frozenset()])
def test_somebody_without_a_group_gets_none(
    outsiders: Outsiders, people: People, groups: frozenset[str] | None
) -> None:
    with pytest.raises(OutsiderRefused):
        outsiders.enter(changed(WANG, groups=groups))
    assert people.find("wangbo") is None


def test_an_account_made_for_it_is_bound_to_the_first_who_comes(outsiders: Outsiders, people: People) -> None:
    people.add("wangbo", "王博", None, ["采购部"], by=SYSTEM)
    assert outsiders.enter(changed(WANG, groups=None)).groups == {"采购部"}
    with pytest.raises(OutsiderRefused, match="另一个帐号"):
        outsiders.enter(changed(WANG, subject="another"))
    # The username at the provider may change; the subject does not.
    assert outsiders.enter(changed(WANG, username="wang.bo")).username == "wangbo"


def test_nobody_takes_over_an_account_with_a_password(outsiders: Outsiders, people: People) -> None:
    people.add("wangbo", "王博", "a-long-password", [ADMINISTRATORS], by=SYSTEM)
    with pytest.raises(OutsiderRefused, match="另一个帐号"):
        outsiders.enter(WANG)
    assert people.verify("wangbo", "a-long-password").groups == {ADMINISTRATORS}


def test_nobody_enters_as_the_system(outsiders: Outsiders) -> None:
    with pytest.raises(OutsiderRefused):
        outsiders.enter(changed(WANG, username=SYSTEM))


def test_the_inactive_stay_out(outsiders: Outsiders, people: People) -> None:
    outsiders.enter(WANG)
    people.change("wangbo", active=False, by=SYSTEM)
    with pytest.raises(OutsiderRefused, match="停用"):
        outsiders.enter(WANG)


def test_groups_and_name_follow_the_provider(outsiders: Outsiders, people: People) -> None:
    outsiders.enter(WANG)
    entered = outsiders.enter(changed(WANG, groups=frozenset({"采购部"}), display_name="王大博"))
    assert (entered.groups, entered.display_name) == ({"采购部"}, "王大博")
    assert outsiders.enter(changed(WANG, groups=frozenset())).groups == frozenset()


def test_groups_are_translated_by_the_table_alone() -> None:
    table = {"cs": ["客服部", "第一接待人"], "boss": ["公司负责人"]}
    assert translate(["cs", "管理员"], table) == {"客服部", "第一接待人"}
    assert translate([], table) == frozenset()
