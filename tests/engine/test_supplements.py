"""Telling a running case by hand what its diagram waits to hear."""

from __future__ import annotations

import json

import pytest

from engine.casework import errors
from tests.engine.conftest import House
from tests.engine.drawing import diagram
from tests.engine.procedures import boundary, chain, el, end, event, lanes, message, process, start, user, z

FORM = {
    "id": "waiting.news",
    "type": "default",
    "schemaVersion": 19,
    "components": [{"type": "textfield", "key": "news", "id": "news", "label": "新情况"}],
}
ASKS = z("formDefinition", formId="waiting.news")
WAITING = {
    "workflows/waiting.bpmn": diagram(
        message("m1", "letter", "=case.key"),
        message("m2", "machine", "=case.key"),
        message("m3", "withdrawn", "=case.key"),
        process(
            "waiting",
            lanes(第一接待人="s work e later silent gone e4"),
            start(),
            user("work", name="办理"),
            end(),
            boundary("gone", "work", event("message", "m3"), ext=ASKS),
            end("e4"),
            chain("s work e"),
            chain("gone e4"),
            el(
                "subProcess",
                "later",
                start("came", event("message", "m1"), ext=ASKS, isInterrupting="false", name="又来信"),
                user("look", name="看来信"),
                end("looked"),
                chain("came look looked"),
                triggeredByEvent="true",
            ),
            el(
                "subProcess",
                "silent",
                start("told", event("message", "m2"), isInterrupting="false"),
                end("e3"),
                chain("told e3"),
                triggeredByEvent="true",
            ),
        ),
    ),
    "forms/waiting/news.form": json.dumps(FORM).encode(),
}


@pytest.fixture
def waiting(house: House) -> House:
    house.deploy(WAITING)
    return house


def offered(house: House, key: int, by: str = "alice") -> dict[str, int]:
    return {name: item for item, name in house.worklist.case(key, house.person(by)).supplements}


def test_only_what_has_a_form_is_asked_for(waiting: House) -> None:
    key = waiting.casework.start_case("waiting", {}, by="alice").key
    assert set(offered(waiting, key)) == {"又来信", "gone"}  # what machines tell is not for people


def test_the_case_goes_on_with_what_it_was_told(waiting: House) -> None:
    key = waiting.casework.start_case("waiting", {}, by="alice").key
    item = offered(waiting, key)["又来信"]
    view = waiting.worklist.supplement(item, waiting.person("alice"))
    assert (view.name, view.form_file) == ("又来信", "forms/waiting/news.form")
    assert waiting.casework.supplement(item, {"news": "又寄来一封信"}, by="bob") == key
    assert set(waiting.open(key)) == {"work", "look"}
    assert waiting.worklist.case(key, waiting.person("alice")).variables["news"] == "又寄来一封信"
    assert "message:told later" in waiting.events(key)
    assert "又来信" in offered(waiting, key)  # it may come again
    with pytest.raises(errors.Conflict):
        waiting.casework.supplement(item, {}, by="bob")


def test_an_event_at_the_edge_of_a_task_takes_it_away(waiting: House) -> None:
    key = waiting.casework.start_case("waiting", {}, by="alice").key
    waiting.casework.supplement(offered(waiting, key)["gone"], {"news": "撤回了"}, by="alice")
    assert waiting.open(key) == {}


@pytest.mark.parametrize(
    ("by", "refusal"),
    [("charlie", errors.NotFound), ("carol", errors.NotFound), ("auditor", errors.NotAllowed)],
)
def test_not_by_everybody(waiting: House, by: str, refusal: type[Exception]) -> None:
    key = waiting.casework.start_case("waiting", {}, by="alice").key
    item = offered(waiting, key)["又来信"]
    with pytest.raises(refusal):
        waiting.casework.supplement(item, {}, by=by)
    with pytest.raises(refusal):
        waiting.worklist.supplement(item, waiting.person(by))
    if refusal is errors.NotAllowed:
        assert offered(waiting, key, by) == {}


def test_what_is_no_such_event(waiting: House) -> None:
    case = waiting.casework.start_case("waiting", {}, by="alice")
    [task] = case.next_item_keys
    with pytest.raises(errors.Invalid):
        waiting.casework.supplement(task, {}, by="alice")
    silent = next(
        item.key
        for item in waiting.worklist.case(case.key, waiting.person("root")).items
        if item.element_id == "silent"
    )
    with pytest.raises(errors.Invalid):
        waiting.casework.supplement(silent, {}, by="root")
    with pytest.raises(errors.NotFound):
        waiting.casework.supplement(999_999, {}, by="root")
