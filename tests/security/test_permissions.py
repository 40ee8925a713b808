"""Every address of the application, for everybody, with their own keys and other people's: one table of answers.

A route that is not in the table fails the test, and so does a refused request that changed anything.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from engine.casework.errors import Invalid
from tests.security.conftest import picture
from tests.security.scene import ROLES, Scene
from tests.web.office import PASSWORD, Office

# login: sent to the sign-in page. Keys: task (offered to the member's group), held (by the member), closed, ended (a
# case), loose (uploaded by the starter for no case yet), linked (attached to the case), document, incident, nothing (no
# such key).
# The door of the public is shut here, as it is unless a setting opens it: tests/web/test_public.py has it open.
# What is posted stands in DATA below, by the path.
TABLE = """
method path                               anonymous outsider member other starter auditor admin owner
GET    /                                  login     302      302    302   302     302     302   302
GET    /sign-in                           200       302      302    302   302     302     302   302
POST   /sign-in                           303       303      303    303   303     303     303   303
POST   /sign-out                          303       303      303    303   303     303     303   303
GET    /session                           200       200      200    200   200     200     200   200
POST   /language                          303       303      303    303   303     303     303   303
GET    /sign-in/outside                   404       404      404    404   404     404     404   404
GET    /sign-in/outside/back              404       404      404    404   404     404     404   404
GET    /account                           login     200      200    200   200     200     200   200
POST   /account/password                  login     422      422    422   422     422     422   422
POST   /account/sign-out-everywhere       login     303      303    303   303     303     303   303
GET    /tasks                             login     200      200    200   200     200     200   200
POST   /tasks                             login     200      200    200   200     200     200   200
GET    /tasks/{task}                      login     404      200    404   200     200     200   404
GET    /tasks/{held}                      login     404      200    404   200     200     200   404
GET    /tasks/{closed}                    login     404      200    404   200     200     200   404
GET    /tasks/{nothing}                   login     404      404    404   404     404     404   404
GET    /tasks/{task}/similar              login     404      200    404   403     403     403   404
GET    /tasks/{held}/similar              login     404      200    404   403     403     403   404
GET    /tasks/{nothing}/similar           login     404      404    404   404     404     404   404
POST   /tasks/{task}/claim                login     404      303    404   403     403     403   404
POST   /tasks/{held}/claim                login     404      303    404   409     409     409   404
POST   /tasks/{closed}/claim              login     404      409    404   409     409     409   404
POST   /tasks/{nothing}/claim             login     404      404    404   404     404     404   404
POST   /tasks/{task}/release              login     404      303    404   403     403     303   404
POST   /tasks/{held}/release              login     404      303    404   403     403     303   404
POST   /tasks/{closed}/release            login     404      409    404   409     409     409   404
POST   /tasks/{nothing}/release           login     404      404    404   404     404     404   404
POST   /tasks/{task}/assign               login     404      303    404   403     403     303   404
POST   /tasks/{held}/assign               login     404      303    404   403     403     303   404
POST   /tasks/{task}/assign?to=stranger   login     404      403    404   403     403     303   404
POST   /tasks/{task}/assign?to=nobody     login     404      422    404   403     403     422   404
POST   /tasks/{nothing}/assign            login     404      404    404   404     404     404   404
POST   /tasks/{task}/draft                login     404      200    404   403     403     403   404
POST   /tasks/{held}/draft                login     404      200    404   409     409     409   404
POST   /tasks/{closed}/draft              login     404      409    404   409     409     409   404
POST   /tasks/{nothing}/draft             login     404      404    404   404     404     404   404
POST   /tasks/{task}/complete             login     404      303    404   403     403     403   404
POST   /tasks/{held}/complete             login     404      303    404   409     409     409   404
POST   /tasks/{nothing}/complete          login     404      404    404   404     404     404   404
GET    /start                             login     200      200    200   200     200     200   200
POST   /start/refund                      login     403      403    403   303     403     403   403
POST   /start/refund_check                login     403      403    403   403     403     403   403
POST   /start/nothing                     login     404      404    404   404     404     404   404
GET    /cases                             login     200      200    200   200     200     200   200
POST   /cases                             login     200      200    200   200     200     200   200
GET    /cases/{case}                      login     404      200    404   200     200     200   404
GET    /cases/{nothing}                   login     404      404    404   404     404     404   404
GET    /cases/{case}/timeline             login     404      200    404   200     200     200   404
GET    /cases/{case}/documents            login     404      200    404   200     200     200   404
GET    /cases/{case}/diagrams/refund      login     404      200    404   200     200     200   404
GET    /cases/{case}/diagrams/nothing     login     404      404    404   404     404     404   404
POST   /cases/{case}/comments             login     404      303    404   303     403     303   404
POST   /cases/{nothing}/comments          login     404      404    404   404     404     404   404
POST   /cases/{case}/cancel               login     404      403    404   403     403     303   404
POST   /cases/{nothing}/cancel            login     404      404    404   404     404     404   404
POST   /cases/{case}/merge                login     404      303    404   303     403     303   404
POST   /cases/{case}/merge?into=nothing   login     404      404    404   404     403     404   404
POST   /cases/{nothing}/merge             login     404      404    404   404     404     404   404
POST   /cases/{case}/reopen               login     404      409    404   409     403     409   404
POST   /cases/{ended}/reopen              login     404      303    404   303     403     303   404
POST   /cases/{nothing}/reopen            login     404      404    404   404     404     404   404
GET    /supplements/{task}                login     404      404    404   404     404     404   404
POST   /supplements/{task}                login     404      404    404   404     404     404   404
POST   /attachments                       login     201      201    201   201     201     201   201
POST   /attachments?case={case}           login     404      201    404   201     403     403   404
POST   /attachments?item={task}           login     404      201    404   201     403     403   404
POST   /attachments?case={nothing}        login     404      404    404   404     404     404   404
GET    /attachments/{linked}              login     404      200    404   200     200     403   404
GET    /attachments/{loose}               login     404      404    404   200     404     404   404
GET    /attachments/{nothing}             login     404      404    404   404     404     404   404
GET    /attachments/{linked}/thumbnail    login     404      200    404   200     200     403   404
GET    /attachments/{loose}/thumbnail     login     404      404    404   200     404     404   404
GET    /documents/{document}              login     404      200    404   200     200     200   404
GET    /documents/{nothing}               login     404      404    404   404     404     404   404
GET    /documents/{document}/pdf          login     404      200    404   200     200     403   404
GET    /incidents                         login     200      200    200   200     200     200   200
POST   /incidents/{incident}/retry        login     404      403    404   403     403     303   303
POST   /incidents/{task}/retry            login     404      403    404   403     403     409   409
POST   /incidents/{nothing}/retry         login     404      404    404   404     404     404   404
GET    /deployments                       login     403      403    403   403     200     200   200
POST   /deployments                       login     403      403    403   403     403     303   303
GET    /calendar                          login     200      200    200   200     200     200   200
POST   /calendar                          login     403      403    403   403     403     303   403
POST   /calendar/drop                     login     403      403    403   403     403     303   403
GET    /people                            login     403      403    403   403     403     200   403
POST   /people                            login     403      403    403   403     403     303   403
POST   /people/edit                       login     403      403    403   403     403     200   403
POST   /people/change                     login     403      403    403   403     403     303   403
POST   /people/sign-out                   login     403      403    403   403     403     303   403
GET    /public/complaint                  404       404      404    404   404     404     404   404
POST   /public/complaint                  404       404      404    404   404     404     404   404
POST   /public/attachments                404       404      404    404   404     404     404   404
GET    /public/received                   404       404      404    404   404     404     404   404
GET    /public/status                     404       404      404    404   404     404     404   404
POST   /public/status                     404       404      404    404   404     404     404   404
GET    /healthz                           200       200      200    200   200     200     200   200
GET    /readyz                            200       200      200    200   200     200     200   200
GET    /metrics                           200       200      200    200   200     200     200   200
GET    /reports                           login     403      403    403   403     200     200   403
GET    /reports/xlsx                      login     403      403    403   403     200     200   403
GET    /reports/cases?period=day&day=2026-11-23 login     403      403    403   403     200     200   403
GET    /audit/documents                   login     403      403    403   403     200     200   403
GET    /audit/journal                     login     403      403    403   403     200     200   403
POST   /audit/journal                     login     403      403    403   403     200     200   403
GET    /static/hejie.css                  200       200      200    200   200     200     200   200
GET    /assets/site.mjs                   200       200      200    200   200     200     200   200
GET    /fonts/400.ttf                     200       200      200    200   200     200     200   200
"""

DATA: Mapping[str, Callable[[], dict[str, Any]]] = {
    "/sign-in": lambda: {"username": "bob", "password": PASSWORD},
    "/account/password": lambda: {"old": "wrong", "new": "kTq93!vb-new", "again": "kTq93!vb-new"},
    "/calendar": lambda: {"year": "2028", "days": "1月1日 休息 元旦", "source": "试验"},
    "/calendar/drop": lambda: {"year": "2028"},
    "/people": lambda: {"username": "newcomer", "display_name": "新人"},
    "/people/edit": lambda: {"username": "anna"},
    "/people/change": lambda: {"username": "anna", "display_name": "安娜", "active": "yes", "groups": "客服部"},
    "/people/sign-out": lambda: {"username": "anna"},
    "/language": lambda: {"language": "zh"},
    "/tasks": lambda: {"text": "林女士"},
    "/cases": lambda: {"text": "林女士"},
    "/tasks/*/assign": lambda: {"to": "anna"},
    "/tasks/*/assign?to=stranger": lambda: {"to": "victor"},
    "/tasks/*/assign?to=nobody": lambda: {"to": "nobody"},
    "/tasks/*/draft": lambda: {"answers": '{"matches": false}'},
    "/tasks/*/complete": lambda: {"answers": '{"matches": true}'},
    "/cases/*/comments": lambda: {"text": "请尽快办理。"},
    "/cases/*/cancel": lambda: {"reason": "重复登记"},
    "/cases/*/merge": lambda: {"reason": "同一件事"},  # into which is filled in below
    "/cases/*/reopen": lambda: {"reason": "没有解决"},
    "/attachments": lambda: {"file": (io.BytesIO(picture()), "票据.jpg")},
    "/deployments": lambda: {"files": (io.BytesIO(b"{}"), "README.txt")},  # replaced by a real diagram below
}


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    expected: Mapping[str, str]

    @property
    def public(self) -> bool:
        return self.expected["anonymous"] != "login"


def rows() -> list[Row]:
    head, *lines = (line.split() for line in TABLE.strip().splitlines())
    assert head[2:] == list(ROLES)
    return [Row(method, path, dict(zip(ROLES, expected, strict=True))) for method, path, *expected in lines]


def ask(scene: Scene, row: Row, role: str, *, with_token: bool = True) -> Any:
    path = row.path.format(**scene.keys)
    address, _, parameters = path.partition("?")
    client = scene.clients[role]
    if row.method == "GET":
        return client.get(path)
    general = re.sub(r"\d+", "*", path if "?to=" in path else address)
    data = DATA.get(general, dict)()
    if row.path.startswith("/attachments?"):
        name, _, value = parameters.partition("=")
        data[name] = value
    if "/merge" in row.path:
        data["into"] = parameters.partition("=")[2] or scene.number_of("other")
    if row.path == "/deployments":
        data = {"note": role, "files": (io.BytesIO(scene.new_diagram()), "refund_check.bpmn")}
    post = client.post if with_token else client.client.post
    return post(address, data=data)


@pytest.fixture(scope="module")
def scene(shared_office: Office) -> Iterator[Scene]:
    scene = Scene.set(shared_office)
    yield scene
    scene.database.close()


def test_every_route_is_in_the_table(shared_office: Office) -> None:
    adapter = shared_office.app.url_map.bind("localhost")
    keys = dict.fromkeys(
        ("task", "held", "closed", "case", "linked", "loose", "document", "incident", "ended", "nothing"), 1
    )
    answered = {
        (row.method, adapter.match(row.path.format(**keys).partition("?")[0], method=row.method)[0]) for row in rows()
    }
    known = {
        (method, rule.endpoint)
        for rule in shared_office.app.url_map.iter_rules()
        for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    }
    assert answered == known


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.method} {row.path}")
def test_answers(scene: Scene, row: Row) -> None:
    for role, expected in row.expected.items():
        before = scene.changes()
        answer = ask(scene, row, role)
        said = (
            "login" if answer.status_code == 302 and "/sign-in?" in answer.location + "?" else str(answer.status_code)
        )
        assert said == expected, f"{row.method} {row.path} as {role}: {said}\n{answer.text[:500]}"
        if answer.status_code >= 400 or said == "login":
            assert scene.changes() == before, f"{row.method} {row.path} as {role} was refused and changed something"
            assert "林女士" not in answer.text or role in ("member", "starter", "auditor", "admin")
        if row.method == "POST" and scene.changes() != before:
            scene.renew()
        if row.path in ("/sign-in", "/sign-out", "/account/sign-out-everywhere"):
            scene.clients[role] = scene.office.client(ROLES[role])


@pytest.mark.parametrize("row", [row for row in rows() if row.method == "POST"], ids=lambda row: row.path)
def test_nothing_is_done_without_the_pages_token(scene: Scene, row: Row) -> None:
    for role in ROLES:
        before = scene.changes()
        answer = ask(scene, row, role, with_token=False)
        if role == "anonymous" and not row.public:
            assert answer.status_code == 302
        else:
            assert (answer.status_code, answer.headers.get("X-Hejie-Reason")) == (400, "csrf"), role
        assert scene.changes() == before


@pytest.mark.parametrize("row", [row for row in rows() if row.method == "POST"], ids=lambda row: row.path)
def test_a_strangers_token_is_none(scene: Scene, row: Row) -> None:
    """The token of one session does not open another."""
    token = scene.clients["outsider"].get("/session").json["csrf_token"]
    before = scene.changes()
    path = row.path.format(**scene.keys).partition("?")[0]
    answer = scene.clients["member"].client.post(path, data={"csrf_token": token})
    assert (answer.status_code, answer.headers.get("X-Hejie-Reason")) == (400, "csrf")
    assert scene.changes() == before


def test_no_other_method_is_answered(scene: Scene) -> None:
    """Above all: what changes something cannot be reached by a link."""
    adapter = scene.office.app.url_map.bind("localhost")
    client = scene.clients["admin"].client
    before = scene.changes()
    for path in sorted({row.path.format(**scene.keys).partition("?")[0] for row in rows()}):
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(adapter.allowed_methods(path)):
            assert client.open(path, method=method, data={}).status_code in (400, 405), (method, path)
    assert scene.changes() == before


def test_lists_hold_ones_own(scene: Scene) -> None:
    """What a list may hold for everybody: neither cases nor incidents of others, and nothing by searching."""
    for role in ("outsider", "other"):
        client = scene.clients[role]
        number = scene.view(scene.keys["case"]).case.number
        for answer in (
            client.get("/tasks"),
            client.get("/cases"),
            client.get("/incidents"),
            client.post("/cases", {"text": "林女士"}),
            client.post("/cases", {"text": number}),
            client.post("/cases", {"text": "13812345678"}),
            client.post("/tasks", {"text": "林女士", "scope": "all", "group": "客服部"}),
        ):
            for word in ("HJ-TK-", "嵌入式燃气灶", "鲍勃", "138****5678"):
                assert word not in re.sub(r'value="[^"]*"|含“[^”]*”', "", answer.text), (role, answer.request.path)


def test_a_process_owner_learns_of_an_incident_but_not_whom_it_concerns(scene: Scene) -> None:
    page = scene.clients["owner"].get("/incidents").text
    assert "HJ-TK-" in page
    for word in ("林女士", "嵌入式燃气灶", "138"):
        assert word not in page


def test_drafts_are_their_writers_own(scene: Scene) -> None:
    scene.renew()
    path = f"/tasks/{scene.keys['task']}"
    scene.clients["member"].post(f"{path}/draft", {"answers": json.dumps({"note": "只给自己看的半句话"})})
    assert "只给自己看的半句话" in scene.clients["member"].get(path).text
    for role in ("starter", "auditor", "admin"):
        assert "只给自己看的半句话" not in scene.clients[role].get(path).text


def test_taking_somebody_elses_upload_along_is_refused(scene: Scene) -> None:
    """What another person has uploaded, or belongs to another case, cannot be slipped into answers."""
    scene.renew()
    mine, other = scene.keys["task"], scene.keys["held"]
    file = {
        "key": str(scene.keys["loose"]),
        "name": "x.jpg",
        "sha256": "0" * 64,
        "size": 1,
        "content_type": "image/jpeg",
    }
    work = scene.office.house.casework
    with pytest.raises(Invalid):
        work.complete_task(mine, {"matches": True, "photos": [file]}, by="bob")
    linked = file | {"key": str(scene.keys["linked"])}
    with pytest.raises(Invalid):
        work.complete_task(other, {"matches": True, "photos": [linked]}, by="bob")
