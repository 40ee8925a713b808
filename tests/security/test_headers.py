"""What every answer says to the browser: pages, errors, files, and what the server could not do."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.security.conftest import picture
from tests.security.scene import Scene
from tests.web.office import Browser, Office

SAME = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture(scope="module")
def scene(shared_office: Office) -> Iterator[Scene]:
    scene = Scene.set(shared_office)
    yield scene
    scene.database.close()


class Tags(HTMLParser):
    """What of a page could be code or come from elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.suspect: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "script":
            self.scripts.append(found)
        if tag in ("base", "object", "embed", "applet", "style", "template"):
            self.suspect.append(tag)
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name.startswith("on") or name == "style" or text.startswith(("javascript:", "http:", "https:", "//")):
                self.suspect.append(f"{tag} {name}={value}")


def policy(answer: TestResponse) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";") if part.strip()]
    return {name: values for name, *values in parts}


def strict(answer: TestResponse, where: str) -> str:
    """Check the headers and the code of a page; return its nonce."""
    for name, value in SAME.items():
        assert answer.headers[name] == value, (where, name)
    assert answer.headers["X-Frame-Options"] == "DENY", where
    found = policy(answer)
    assert found["default-src"] == found["object-src"] == found["base-uri"] == found["frame-ancestors"] == ["'none'"]
    assert found["form-action"] == found["connect-src"] == found["frame-src"] == ["'self'"], where
    assert not any(
        "unsafe" in value or "*" in value or "http" in value for values in found.values() for value in values
    )
    [nonce] = [value[7:-1] for value in found["script-src"] if value.startswith("'nonce-")]
    assert len(nonce) >= 20
    assert answer.headers["Cache-Control"] == "no-store", where
    tags = Tags(answer.text)
    assert tags.suspect == [], where
    for script in tags.scripts:
        assert script.get("nonce") == nonce or script.get("type") == "application/json", (where, script)
        assert "src" in script or script.get("type") == "application/json", where
    return nonce


def test_every_page(scene: Scene) -> None:
    nonces = []
    for role in ("admin", "member", "auditor"):
        for path in (
            "/sign-in",
            "/tasks",
            "/tasks/{task}",
            "/tasks/{closed}",
            "/start",
            "/cases",
            "/cases/{case}",
            "/cases/{case}/timeline",
            "/cases/{case}/documents",
            "/documents/{document}",
            "/incidents",
            "/deployments",
            "/calendar",
            "/account",
            "/people",
            "/audit/documents",
            "/audit/journal",
        ):
            answer = scene.clients[role].get(path.format(**scene.keys))
            if answer.status_code in (200, 403):
                nonces.append(strict(answer, f"{path} as {role}"))
    nonces.append(strict(scene.office.client().get("/sign-in"), "/sign-in"))
    assert len(nonces) > 40
    assert len(set(nonces)) == len(nonces)  # never the same twice


def test_every_error(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    member, admin, keys = scene.clients["member"], scene.clients["admin"], scene.keys
    nobody = scene.office.client()
    answers = {
        "csrf": (400, member.client.post("/tasks", data={})),
        "unreadable answers": (400, member.post(f"/tasks/{keys['task']}/complete", {"answers": "{"})),
        "null character": (400, member.post("/cases", {"text": "a\0b"})),
        "forbidden": (403, member.get("/audit/documents")),
        "no such page": (404, member.get("/nothing/here")),
        "no such case": (404, member.get("/cases/999999")),
        "wrong method": (405, member.client.get("/sign-out")),
        "too late": (409, admin.post(f"/tasks/{keys['closed']}/claim")),
        "too large": (413, large(member)),
        "wrong answers": (422, member.post(f"/tasks/{keys['task']}/complete", {"answers": '{"matches": 7}'})),
        "wrong password": (422, nobody.sign_in("bob", "x")),
    }
    for _ in range(12):
        throttled = scene.office.client().sign_in("olga", "x")
    answers["throttled"] = (429, throttled)

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("林女士 13812345678")

    app = scene.office.app
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setitem(app.view_functions, "calendar.show", broken)
    answers["broken"] = (500, member.get("/calendar"))
    assert "13812345678" not in answers["broken"][1].text
    assert "RuntimeError" not in answers["broken"][1].text
    for name, (status, answer) in answers.items():
        assert answer.status_code == status, name
        strict(answer, name)


def large(client: Browser) -> TestResponse:
    """Send two megabytes. The test client would leave a body of this size in an open file."""
    token = client.get("/session").json["csrf_token"]
    fields = [f'name="csrf_token"\r\n\r\n{token}', 'name="file"; filename="x.jpg"\r\n\r\n' + "x" * 2_000_000]
    body = "".join(f"--b\r\nContent-Disposition: form-data; {field}\r\n" for field in fields) + "--b--\r\n"
    return client.client.post("/attachments", data=body.encode(), content_type="multipart/form-data; boundary=b")


def test_what_scripts_get_is_data(scene: Scene) -> None:
    script = {"Accept": "application/json"}
    for status, answer in (
        (401, scene.office.client().get("/tasks", headers=script)),
        (404, scene.clients["member"].get("/cases/999999", headers=script)),
        (200, scene.clients["member"].get("/session")),
        (400, scene.clients["member"].client.post("/tasks", headers=script)),
    ):
        assert answer.status_code == status
        assert answer.mimetype == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_ways_on_are_as_guarded(scene: Scene) -> None:
    for answer in (scene.office.client().get("/tasks"), scene.clients["member"].get("/")):
        assert answer.status_code == 302
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_diagram_is_a_drawing_not_a_page(scene: Scene) -> None:
    """It is XML of this site that a process owner wrote: opened by itself it must be without any power."""
    answer = scene.clients["member"].get(f"/cases/{scene.keys['case']}/diagrams/refund")
    assert answer.mimetype == "application/xml"
    assert "sandbox" in policy(answer)
    assert policy(answer)["default-src"] == ["'none'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_files_are_served_without_power(scene: Scene) -> None:
    stella = scene.clients["starter"]
    for content, name, mimetype, disposition in (
        (picture(), "伤口 照片.jpg", "image/jpeg", "inline"),
        ("通话记录：<b>".encode(), "通话.html", "application/octet-stream", "attachment"),
        (b"%PDF-1.7\n1 0 obj\n<</S/JavaScript/JS(app.alert(1))>>\nendobj\n%%EOF", "x.pdf", "application/pdf", "inline"),
        ("甲,乙\n=cmd|' /C calc'!A0,1\n".encode(), "表.csv", "application/octet-stream", "attachment"),
    ):
        stored = stella.post("/attachments", {"file": (io.BytesIO(content), name)})
        assert stored.status_code == 201, stored.text
        answer = stella.get(f"/attachments/{stored.json['key']}")
        assert answer.mimetype == mimetype
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith(f"{disposition}; ")
        assert re.fullmatch(r"[\x20-\x7e]+", answer.headers["Content-Disposition"])
        found = policy(answer)
        assert found["default-src"] == ["'none'"]
        assert "sandbox" in found or mimetype == "application/pdf"
        assert "script-src" not in found
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_thumbnail_is_asked_for_again_each_time(scene: Scene) -> None:
    """At a shared desk the next person may not be allowed to see what the browser has kept."""
    scene.renew()
    path = f"/attachments/{scene.keys['linked']}/thumbnail"
    first = scene.clients["starter"].get(path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = scene.clients["starter"].get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = scene.clients["other"].get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 404


TYPES = {
    "text/html",
    "text/css",
    "text/javascript",
    "text/plain",
    "application/json",
    "application/xml",
    "application/pdf",
    "application/octet-stream",
    "image/jpeg",
    "font/ttf",
}


def test_no_address_serves_a_table_for_a_spreadsheet(scene: Scene) -> None:
    """Cells that begin with = + - @ run in a spreadsheet. The one export writes them as text (web/test_reports.py)."""
    values = {"weight": "400", "name": "hejie.css", "process_id": "refund"}
    for rule in scene.office.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in ("asset", "reports.xlsx"):
            named = {"key": str(_key(rule.rule, scene))} | values
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda match, named=named: named[match[1]], rule.rule)
            assert scene.clients["admin"].get(address).mimetype in TYPES, address


def _key(path: str, scene: Scene) -> str:
    kind = {"tasks": "task", "cases": "case", "attachments": "linked", "documents": "document"}
    return str(scene.keys.get(kind.get(path.split("/")[1], ""), 1))
