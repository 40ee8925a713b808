"""The use cases and questions themselves, for every role: pages are not what protects a case.

A method that is not in one of the tables fails the test.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from flask import g

from engine.casework import Casework
from engine.casework.errors import CaseworkError, Invalid, NotAllowed, NotFound
from engine.identity import SYSTEM, SYSTEM_PERSON, MayNotAdminister, People, WrongPassword
from engine.office_calendar import OfficeCalendar
from engine.records import Records
from engine.reports import Period, Reports
from engine.worklist import Urgency, Worklist
from tests.security.conftest import picture
from tests.security.scene import ROLES, Scene
from tests.web.office import Office

ACTORS = {role: username for role, username in ROLES.items() if username is not None} | {
    "gone": "gwen",  # has left: her account is switched off, although she was in the member's group
    "system": SYSTEM,
}

# hidden: as if there were none. no: refused with a sentence. some, none: what a list holds.
USE_CASES = """
use_case            outsider member other  starter auditor admin owner  gone system
claim               hidden   ok     hidden no      no      no    hidden no   ok
release             hidden   ok     hidden no      no      ok    hidden no   ok
assign              hidden   ok     hidden no      no      ok    hidden no   ok
save_draft          hidden   ok     hidden no      no      no    hidden no   ok
draft               ok       ok     ok     ok      ok      ok    ok     ok   ok
discard_draft       ok       ok     ok     ok      ok      ok    ok     ok   ok
complete_task       hidden   ok     hidden no      no      no    hidden no   ok
start_case          no       no     no     ok      no      no    no     no   ok
comment             hidden   ok     hidden ok      no      ok    hidden no   ok
cancel_case         hidden   no     hidden no      no      ok    hidden no   ok
merge_case          hidden   ok     hidden ok      no      ok    hidden no   ok
reopen_case         hidden   ok     hidden ok      no      ok    hidden no   ok
supplement          hidden   ok     hidden ok      no      ok    hidden no   ok
set_variables       hidden   no     hidden no      no      ok    hidden no   ok
attach              hidden   ok     hidden ok      no      no    hidden no   ok
void_document       hidden   no     hidden no      no      ok    hidden no   ok
retry_incident      hidden   no     hidden no      no      ok    ok     no   ok
publish_message     no       no     no     no      no      ok    ok     no   ok
broadcast_signal    no       no     no     no      no      ok    ok     no   ok
deploy              no       no     no     no      no      ok    ok     no   ok
add_person          no       no     no     no      no      ok    no     no   ok
change_person       no       no     no     no      no      ok    no     no   ok
sign_out_everywhere no       no     no     no      no      ok    no     no   ok
change_password     no       no     no     no      no      no    no     no   no
save_year           no       no     no     no      no      ok    no     no   ok
drop_year           no       no     no     no      no      ok    no     no   ok
"""

QUESTIONS = """
question       outsider member other  starter auditor admin owner  system
item           hidden   ok     hidden ok      ok      ok    hidden ok
brief          hidden   ok     hidden ok      ok      ok    hidden ok
case           hidden   ok     hidden ok      ok      ok    hidden ok
case_by_number hidden   ok     hidden ok      ok      ok    hidden ok
timeline       hidden   ok     hidden ok      ok      ok    hidden ok
forms          hidden   ok     hidden ok      ok      ok    hidden ok
document       hidden   ok     hidden ok      ok      ok    hidden ok
document_file  hidden   ok     hidden ok      ok      no    hidden ok
proof          hidden   ok     hidden ok      ok      ok    hidden ok
attachment     hidden   ok     hidden ok      ok      no    hidden ok
search         none     some   none   some    some    some  none   some
my_items       none     some   none   some    none    none  none   none
similar        hidden   ok     hidden no      no      no    hidden ok
near_deadlines none     none   none   none    none    none  none   none
available      none     none   none   none    some    some  none   some
figures        no       no     no     no      ok      ok    no     ok
report_cases   no       no     no     no      ok      ok    no     ok
startable      none     none   none   some    none    none  none   some
incidents      none     some   none   some    some    some  some   some
deployments    no       no     no     no      ok      ok    ok     ok
documents      no       no     no     no      ok      ok    no     ok
verify         no       no     no     no      ok      ok    no     ok
"""

FOR_THE_WORKER = {"carry", "complete_job", "fail_item", "fire_timer", "job", "look_in_buffer", "start_by_timer"} | {
    "throw_job_error",
    "operations",
    "look_at_deadline",
    "recount_item",
    "send_notice",
}
"""They act as the system, on what has been decided before; no page reaches them."""

FOR_THE_DOOR = {"take_in", "take_in_all", "taken_in", "join", "public_status"}
"""For whoever holds the door: the public's page, where it is switched on, the mail box, a list of letters."""

FOR_EVERYBODY = {"processes", "document_by_check_code", "find", "everyone", "members", "verify_password"} | {
    "is_working_day",
    "special",
    "years",
    "version",
    "table",
    "reads_any",
}
"""Names of procedures and colleagues, the calendar, signing in; and a document for who holds the paper in hand."""

Call = Callable[[Scene, str], Any]


def supplement(scene: Scene, by: str) -> None:
    """Nothing of a refund waits for a message: who may supplement is told so after the question of who may."""
    with contextlib.suppress(Invalid):
        work(scene).supplement(scene.keys["task"], {}, by=by)


CALLS: dict[str, Call] = {
    "claim": lambda scene, by: work(scene).claim(scene.keys["task"], by=by),
    "release": lambda scene, by: work(scene).release(scene.keys["task"], by=by),
    "assign": lambda scene, by: work(scene).assign(scene.keys["task"], "anna", by=by),
    "save_draft": lambda scene, by: work(scene).save_draft(scene.keys["task"], {"matches": True}, by=by),
    "draft": lambda scene, by: work(scene).draft(scene.keys["task"], by),
    "discard_draft": lambda scene, by: work(scene).discard_draft(scene.keys["task"], by=by),
    "complete_task": lambda scene, by: work(scene).complete_task(scene.keys["task"], {"matches": True}, by=by),
    "start_case": lambda scene, by: work(scene).start_case("refund", {}, by=by),
    "comment": lambda scene, by: work(scene).comment(scene.keys["case"], "留言", by=by),
    "cancel_case": lambda scene, by: work(scene).cancel_case(scene.keys["case"], "重复", by=by),
    "merge_case": lambda scene, by: work(scene).merge_case(
        scene.keys["case"], scene.number_of("other"), "同一件事", by=by
    ),
    "reopen_case": lambda scene, by: work(scene).reopen_case(scene.keys["ended"], "没有解决", by=by),
    "supplement": supplement,
    "set_variables": lambda scene, by: work(scene).set_variables(scene.keys["case"], {"amount": "1.00"}, "误", by=by),
    "attach": lambda scene, by: work(scene).attach(by=by, name="x.jpg", content=PHOTO, case_key=scene.keys["case"]),
    "void_document": lambda scene, by: work(scene).void_document(scene.keys["document"], "误", by=by),
    "retry_incident": lambda scene, by: work(scene).retry_incident(scene.keys["incident"], by=by),
    "publish_message": lambda scene, by: work(scene).publish_message("x", "1", {}, by=by),
    "broadcast_signal": lambda scene, by: work(scene).broadcast_signal("x", {}, by=by),
    "deploy": lambda scene, by: work(scene).deploy(
        {"workflows/refund_check.bpmn": scene.new_diagram()}, by=by, check=lambda files: []
    ),
    "add_person": lambda scene, by: scene.office.people.add(f"by-{by}", "新人", None, by=by),
    "change_person": lambda scene, by: scene.office.people.change("anna", display_name="安娜", by=by),
    "sign_out_everywhere": lambda scene, by: scene.office.people.sign_out_everywhere("anna", by=by),
    "change_password": lambda scene, by: scene.office.people.change_password(by, "not the old one", "kTq93!vb-new"),
    "save_year": lambda scene, by: calendar(scene).save_year(2031, [("2031-01-01", False, "元旦", "试验")], by=by),
    "drop_year": lambda scene, by: calendar(scene).drop_year(2031, by=by),
}

ASKED: dict[str, Callable[[Scene, Any], Any]] = {
    "item": lambda scene, who: scene.office.house.worklist.item(scene.keys["task"], who),
    "brief": lambda scene, who: scene.office.house.worklist.brief(scene.keys["task"], who),
    "case": lambda scene, who: scene.office.house.worklist.case(scene.keys["case"], who),
    "case_by_number": lambda scene, who: scene.office.house.worklist.case_by_number("HJ-TK-202611-0001", who),
    "timeline": lambda scene, who: scene.office.house.worklist.timeline(scene.keys["case"], who),
    "forms": lambda scene, who: scene.office.house.records.forms(scene.keys["case"], who),
    "document": lambda scene, who: scene.office.house.worklist.document(scene.keys["document"], who),
    "document_file": lambda scene, who: scene.office.house.worklist.document_file(scene.keys["document"], who),
    "proof": lambda scene, who: scene.office.house.records.proof(scene.keys["document"], who),
    "attachment": lambda scene, who: scene.office.house.worklist.attachment(scene.keys["linked"], who),
    "search": lambda scene, who: scene.office.house.worklist.search("林女士", who),
    "my_items": lambda scene, who: scene.office.house.worklist.my_items(who).items,
    "similar": lambda scene, who: scene.office.house.worklist.similar(scene.keys["task"], who),
    "near_deadlines": lambda scene, who: scene.office.house.worklist.near_deadlines(who, Urgency.OVERDUE),
    "available": lambda scene, who: scene.office.house.reports.available(who),
    "figures": lambda scene, who: scene.office.house.reports.figures(who, "", where={}),
    "report_cases": lambda scene, who: scene.office.house.reports.cases(
        who, "", day=date(2026, 11, 23), period=Period.DAY, where={}
    ),
    "startable": lambda scene, who: scene.office.house.worklist.startable(who),
    "incidents": lambda scene, who: scene.office.house.worklist.incidents(who),
    "deployments": lambda scene, who: scene.office.house.records.deployments(who),
    "documents": lambda scene, who: scene.office.house.records.documents(who),
    "verify": lambda scene, who: scene.office.house.records.verify(who),
}

PHOTO = picture()


def work(scene: Scene) -> Casework:
    return scene.office.house.casework


def calendar(scene: Scene) -> OfficeCalendar:
    return OfficeCalendar(scene.database, clock=scene.office.clock)


def table(text: str, actors: list[str]) -> list[tuple[str, dict[str, str]]]:
    head, *lines = (line.split() for line in text.strip().splitlines())
    assert head[1:] == actors
    return [(name, dict(zip(actors, expected, strict=True))) for name, *expected in lines]


@pytest.fixture(scope="module")
def scene(shared_office: Office) -> Iterator[Scene]:
    shared_office.people.add("gwen", "格温", None, ["客服部", "第一接待人"], by=SYSTEM)
    shared_office.people.change("gwen", active=False, by=SYSTEM)
    scene = Scene.set(shared_office)
    yield scene
    scene.database.close()


def test_every_method_is_in_a_table() -> None:
    written = {name for name, _ in table(USE_CASES, list(ACTORS))} | {
        name for name, _ in table(QUESTIONS, [actor for actor in ACTORS if actor != "gone"])
    }
    renamed = {
        (People, "add"): "add_person",
        (People, "change"): "change_person",
        (People, "verify"): "verify_password",
        (Reports, "cases"): "report_cases",
    }
    for kind in (Casework, Worklist, Records, Reports, People, OfficeCalendar):
        methods = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        known = {renamed.get((kind, name), name) for name in methods}
        assert known <= written | FOR_THE_WORKER | FOR_THE_DOOR | FOR_EVERYBODY, kind


@pytest.mark.parametrize(("name", "expected"), table(USE_CASES, list(ACTORS)), ids=lambda value: str(value)[:30])
def test_use_cases(scene: Scene, name: str, expected: dict[str, str]) -> None:
    for role, wanted in expected.items():
        before = scene.changes()
        found = outcome(CALLS[name], scene, ACTORS[role])
        assert found == wanted, role
        if scene.changes() != before:
            assert wanted == "ok", role
            scene.renew()


@pytest.mark.parametrize(
    ("name", "expected"),
    table(QUESTIONS, [actor for actor in ACTORS if actor != "gone"]),
    ids=lambda value: str(value)[:30],
)
def test_questions(scene: Scene, name: str, expected: dict[str, str]) -> None:
    for role, wanted in expected.items():
        person = SYSTEM_PERSON if role == "system" else scene.office.house.identity.find(ACTORS[role])
        found = outcome(ASKED[name], scene, person)
        # The acts tried in this module hand tasks to these two: whether they have any depends on which came before.
        own = name == "my_items" and role in {"starter", "system"} and found in {"some", "none"}
        assert own or found == wanted or (found == "some" and wanted == "ok"), role


def test_somebody_unknown_may_do_nothing(scene: Scene) -> None:
    for name, call in CALLS.items():
        if name not in ("draft", "discard_draft"):
            assert outcome(call, scene, "nobody") == "no", name


def test_a_check_is_not_run_for_strangers(scene: Scene) -> None:
    """Checking a bundle costs seconds, and its findings tell what the bundle holds."""

    def check(files: Any) -> Any:
        raise AssertionError("checked")

    with pytest.raises(CaseworkError, match="只有流程负责人和管理员可以部署流程"):
        work(scene).deploy({"workflows/x.bpmn": b"<x/>"}, by="bob", check=check)


def test_a_strangers_file_is_not_stored(scene: Scene) -> None:
    content = picture()
    with pytest.raises(CaseworkError):
        work(scene).attach(by="charlie", name="x.jpg", content=content, case_key=scene.keys["case"])
    assert not scene.office.house.files.has(hashlib.sha256(content).hexdigest())


def outcome(call: Callable[[Scene, Any], Any], scene: Scene, who: Any) -> str:
    """Return what the tables say."""
    try:
        answer = call(scene, who)
    except NotFound:
        return "hidden"
    except (NotAllowed, MayNotAdminister, WrongPassword):
        return "no"
    if isinstance(answer, tuple):
        return "some" if answer else "none"
    return "ok"


def test_who_is_no_administrator_any_more_is_told_so(scene: Scene) -> None:
    """Between the page's look and the use case's own: it is no fault of what was typed."""
    app = scene.office.app
    with app.test_request_context("/people"):
        g.person = None
        assert app.make_response(app.handle_user_exception(MayNotAdminister())).status_code == 403
