"""Who gets in, what every answer says to the browser, and that an outsider sees nothing."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from PIL import Image

from tests.web.office import FILLED, PASSWORD, Browser, Office, words
from web.routes import PUBLIC_ENDPOINTS, ROUTES
from web.settings import Settings


def addresses(app: Flask) -> list[tuple[str, str]]:
    """Return (method, address) of every route, with made-up keys."""
    values = {
        "key": "1",
        "item_key": "1",
        "process_id": "refund",
        "name": "site.mjs",
        "weight": "400",
        "year": "2026",
    }
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match[1]], rule.rule)
        found += [(method, path, rule.endpoint) for method in sorted(rule.methods & {"GET", "POST"})]
    return found


def test_every_route_of_the_application_is_in_the_table(office: Office) -> None:
    known = {route.endpoint for route in ROUTES} | {"asset", "static_file", "font"}
    assert {rule.endpoint for rule in office.app.url_map.iter_rules()} == known


def test_nobody_gets_anywhere_without_signing_in(office: Office) -> None:
    office.register()
    for method, path, endpoint in addresses(office.app):
        if endpoint in PUBLIC_ENDPOINTS:
            continue
        client = office.client()
        answer = client.get(path) if method == "GET" else client.post(path)
        assert answer.status_code == 302, path
        assert answer.location.startswith("/sign-in"), path
        script = {"Accept": "application/json"}
        answer = client.get(path, headers=script) if method == "GET" else client.post(path, headers=script)
        assert answer.status_code == 401, path
        assert "林女士" not in answer.text


def test_an_outsider_sees_nothing_of_a_case(office: Office) -> None:
    case = office.register()
    task = office.open_tasks(case)["compare"]
    photo = office.client("anna").post("/attachments", {"file": (picture(), "伤口.jpg"), "item": task}).json["key"]
    charlie = office.client("charlie")
    for path in (
        f"/cases/{case}",
        f"/cases/{case}/timeline",
        f"/cases/{case}/documents",
        f"/cases/{case}/diagrams/refund",
        f"/tasks/{task}",
        f"/attachments/{photo}",
        f"/attachments/{photo}/thumbnail",
        "/documents/1",
        "/documents/1/pdf",
    ):
        assert charlie.get(path).status_code == 404, path
    for path, data in (
        (f"/tasks/{task}/claim", {}),
        (f"/tasks/{task}/release", {}),
        (f"/tasks/{task}/assign", {"to": "charlie"}),
        (f"/tasks/{task}/draft", {"answers": "{}"}),
        (f"/tasks/{task}/complete", {"answers": '{"matches": true}'}),
        (f"/cases/{case}/comments", {"text": "x"}),
        (f"/cases/{case}/cancel", {"reason": "x"}),
        ("/attachments", {"file": (picture(), "x.jpg"), "case": case}),
        ("/attachments", {"file": (picture(), "x.jpg"), "item": task}),
    ):
        answer = charlie.post(path, data)
        assert answer.status_code in {403, 404}, path
        assert "林女士" not in answer.text
    for page in (
        charlie.get("/tasks"),
        charlie.get("/cases"),
        charlie.get("/incidents"),
        charlie.post("/cases", {"text": "林女士"}),
    ):
        assert "嵌入式燃气灶" not in page.text
        assert "HJ-TK" not in page.text
    for path in ("/deployments", "/audit/documents"):
        assert charlie.get(path).status_code == 403
    assert "compare" in office.open_tasks(case)


def test_headers_of_every_answer(office: Office) -> None:
    case = office.register()
    client = office.client("anna")
    for path in (
        "/sign-in",
        "/tasks",
        f"/cases/{case}",
        "/nothing",
        "/session",
        "/static/hejie.css",
        "/assets/site.mjs",
    ):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe-eval" not in policy, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] == "DENY", path
        assert headers["Referrer-Policy"] == "same-origin", path
    page = client.get("/tasks")
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert "immutable" in client.get("/assets/site.mjs").headers["Cache-Control"]


def test_no_inline_code_on_any_page(office: Office) -> None:
    case = office.register()
    task = office.open_tasks(case)["compare"]
    client = office.client("adam")
    for path in (
        "/sign-in",
        "/tasks",
        "/start",
        f"/tasks/{task}",
        f"/cases/{case}",
        "/cases",
        "/incidents",
        "/deployments",
        "/audit/documents",
        "/calendar",
    ):
        page = client.get(path)
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=", page.text), path
        nonce = re.search(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])[1]
        for tag in re.findall(r"<script[^>]*>", page.text):
            assert f'nonce="{nonce}"' in tag or 'type="application/json"' in tag, (path, tag)


def test_what_people_type_is_never_markup(office: Office) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    case = office.register(complainant={"name": evil, "phone": "13812345678"}, product={"name": evil}, description=evil)
    client = office.client("bob")
    client.post(f"/cases/{case}/comments", {"text": evil})
    task = office.open_tasks(case)["compare"]
    for path in ("/tasks", f"/tasks/{task}", f"/cases/{case}", "/cases"):
        page = client.get(path).text
        assert "alert" in page, path
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
    client.post(f"/tasks/{task}/draft", {"answers": json.dumps({"note": "</script><script>alert(3)</script>"})})
    assert "</script><script>alert(3)" not in client.get(f"/tasks/{task}").text


def test_a_post_without_the_pages_token_is_refused(office: Office) -> None:
    client = office.client("anna")
    for path in ("/start/refund", "/sign-out", "/tasks", "/cases", "/attachments"):
        answer = client.client.post(path, data={"text": "x"})
        assert answer.status_code == 400, path
        assert answer.headers["X-Hejie-Reason"] == "csrf"
        assert "页面已过期" in words(answer)
    assert client.get("/tasks").status_code == 200  # still signed in


def test_signing_in_starts_a_new_session(office: Office) -> None:
    client = office.client()
    client.get("/sign-in")
    planted = client.client.get_cookie("hejie_session").value
    token = client.get("/session").json["csrf_token"]
    client.sign_in("anna")
    assert client.client.get_cookie("hejie_session").value != planted
    assert client.client.post("/start/refund", data={"csrf_token": token}).status_code == 400
    stale = office.client()
    stale.client.set_cookie("hejie_session", planted)
    assert stale.get("/tasks").status_code == 302


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(office: Office) -> None:
    cookies = office.client().sign_in("anna").headers.getlist("Set-Cookie")
    assert any(cookie.startswith("hejie_session=") for cookie in cookies)
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert re.search(r"SameSite=(Lax|Strict)", cookie)


def test_signing_out_and_being_switched_off_end_the_session(office: Office) -> None:
    client = office.client("anna")
    assert client.post("/sign-out").status_code == 303
    assert client.get("/tasks").status_code == 302
    client = office.client("bob")
    office.people.change("bob", active=False, by="system")
    assert client.get("/tasks").status_code == 302


def test_wrong_passwords_say_nothing_and_are_slowed_down(office: Office) -> None:
    client = office.client()
    unknown = client.sign_in("nobody", "x")
    wrong = client.sign_in("anna", "x")
    assert unknown.status_code == wrong.status_code == 422
    assert "用户名或密码不对" in words(wrong)
    assert "autofocus" in wrong.text
    for _ in range(7):
        client.sign_in("anna", "x")
    slowed = client.sign_in("anna", PASSWORD)
    assert slowed.status_code == 429
    assert "尝试次数过多" in words(slowed)
    office.clock.advance(timedelta(minutes=11))
    assert client.sign_in("anna", PASSWORD).status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "",
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_host(office: Office, target: str) -> None:
    client = office.client()
    answer = client.post("/sign-in", {"username": "anna", "password": PASSWORD, "next": target})
    assert answer.location == "/tasks"


def test_after_signing_in_one_goes_on_where_one_wanted_to(office: Office) -> None:
    client = office.client()
    assert client.get("/cases/7?steps=all").location == "/sign-in?next=/cases/7?steps%3Dall"
    answer = client.post("/sign-in", {"username": "anna", "password": PASSWORD, "next": "/cases/7?steps=all"})
    assert answer.location == "/cases/7?steps=all"


def test_demo_people_are_shown_in_the_demo_only(office: Office) -> None:
    page = words(office.client().get("/sign-in"))
    assert "林晓雨" in page
    assert "hejie-demo-2026" in page


def test_attachments_are_judged_by_content_and_served_without_power(office: Office) -> None:
    client = office.client("anna")
    task = client.post("/start/refund").location.rpartition("/")[2]
    stored = client.post("/attachments", {"file": (picture(), "伤口 照片.jpg"), "item": task})
    assert stored.status_code == 201
    assert stored.json["content_type"] == "image/jpeg"
    shown = client.get(f"/attachments/{stored.json['key']}")
    assert shown.mimetype == "image/jpeg"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert shown.headers["Content-Disposition"].startswith("inline; filename=")
    small = client.get(f"/attachments/{stored.json['key']}/thumbnail")
    assert small.mimetype == "image/jpeg"
    assert Image.open(io.BytesIO(small.data)).width <= 176
    text = client.post("/attachments", {"file": (io.BytesIO("通话记录".encode()), "通话.txt"), "item": task}).json
    saved = client.get(f"/attachments/{text['key']}")
    assert saved.mimetype == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment;")
    assert client.get(f"/attachments/{text['key']}/thumbnail").status_code == 400


def test_attachments_refused_say_why(office: Office, settings: Settings) -> None:
    client = office.client("anna")
    task = client.post("/start/refund").location.rpartition("/")[2]
    script = {"Accept": "application/json"}
    page = client.post(
        "/attachments", {"file": (io.BytesIO(b"<html><script>x"), "x.jpg"), "item": task}, headers=script
    )
    assert page.status_code == 422
    assert "x.jpg" in page.json["error"]
    office.app.extensions["hejie_settings"] = replace(settings, upload_limit_bytes=1000)
    large = client.post("/attachments", {"file": (picture(), "大.jpg"), "item": task}, headers=script)
    assert large.status_code == 413
    assert "上限" in large.json["error"]
    assert client.post("/attachments", {"item": task}, headers=script).status_code == 400


def test_a_case_number_in_an_address_is_no_way_in(office: Office) -> None:
    office.register()
    browser = Browser(office.app.test_client())
    browser.sign_in("charlie")
    assert browser.get("/cases/99999999999999999999").status_code == 404
    assert browser.get("/tasks/-1").status_code == 404


def picture() -> io.BytesIO:
    content = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(content, "JPEG")
    content.seek(0)
    return content


def test_filled_is_what_the_form_asks(office: Office) -> None:
    """The answers the other tests take for granted pass the form's own check."""
    client = office.client("anna")
    first = client.post("/start/refund").location
    assert client.post(f"{first}/complete", {"answers": json.dumps(FILLED)}).status_code == 303
