"""Phone, identity and card numbers: who reads them, and where they never stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import pytest
from itsdangerous import URLSafeTimedSerializer

from engine.privacy import masked
from tests.security.scene import ROLES, Scene
from tests.web.office import Office, words

PHONE, MASKED_PHONE = "13812345678", "138****5678"
IDENTITY, MASKED_IDENTITY = "11010519491231002X", "1101**********002X"
CARD = "6222020200000000009"
SECOND_PHONE = "13900001111"
STORY = f"身份证{IDENTITY}，退到卡{CARD}，另一个电话{SECOND_PHONE}，邮箱lin.xiao@example.cn。"
NAME = "林女士"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PHONE, MASKED_PHONE),
        ("+86 138 1234 5678", "+86 *********5678"),
        ("138-1234-5678", "138******5678"),
        ("１３８１２３４５６７８", "１３８****５６７８"),
        ("0571-88001234转8001", "057******1234转8001"),
        ("打13812345678,或13912345678。", "打138****5678,或139****5678。"),
        ("+1 415 555 2671", "+1 4*******2671"),
        (IDENTITY, MASKED_IDENTITY),
        ("证１１０１０５１９４９１２３１００２Ｘ", "证１１０１**********００２Ｘ"),
        ("130503670401001", "1305*******1001"),
        ("6222 0202 0000 0000 009", "6222*************** 009"),
        (CARD, "6222***********0009"),
        ("lin.xiao@example.com.cn", "l***@example.com.cn"),
        # What only looks like one
        ("HJ-TS-202611-0001", "HJ-TS-202611-0001"),
        ("2026-11-23T09:00:00.123456+08:00", "2026-11-23T09:00:00.123456+08:00"),
        ("7K2M-9QXD-04TB", "7K2M-9QXD-04TB"),
        ("13812345678.00", "13812345678.00"),
        ("SN13812345678", "SN13812345678"),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",) * 2,
        ("12.50 元", "12.50 元"),
        ("", ""),
    ],
)
def test_masks(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_masks_at_every_depth_and_nothing_else() -> None:
    value = {PHONE: [{"a": PHONE, "b": 13812345678, "c": 128.5, "d": True, "e": None, "f": 12345678}]}
    assert masked(value) == {
        PHONE: [{"a": MASKED_PHONE, "b": MASKED_PHONE, "c": 128.5, "d": True, "e": None, "f": 12345678}]
    }


def test_masking_a_long_text_is_quick() -> None:
    for text in ("1" * 200_000, "0571-" * 40_000, "1 3 8 " * 30_000, "a@" * 100_000, "+1 " * 60_000, "６" * 100_000):
        masked(text)


@pytest.fixture(scope="module")
def scene(shared_office: Office) -> Iterator[Scene]:
    scene = Scene.set(shared_office, description=STORY)
    yield scene
    scene.database.close()


def pages(scene: Scene) -> list[str]:
    return [
        path.format(**scene.keys)
        for path in (
            "/cases/{case}",
            "/cases/{case}?steps=all",
            "/cases/{case}/timeline",
            "/tasks/{task}",
            "/tasks/{closed}",
            "/documents/{document}",
        )
    ]


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_a_role_alone_reads_no_numbers(scene: Scene, role: str) -> None:
    for path in pages(scene):
        page = scene.clients[role].get(path)
        assert page.status_code == 200
        for number in (PHONE, IDENTITY, CARD, SECOND_PHONE, "lin.xiao"):
            assert number not in page.text, path
    assert MASKED_PHONE in scene.clients[role].get(f"/cases/{scene.keys['case']}").text
    assert NAME in scene.clients[role].get(f"/cases/{scene.keys['case']}").text


@pytest.mark.parametrize("role", ["member", "starter"])
def test_whoever_works_on_a_case_reads_them(scene: Scene, role: str) -> None:
    page = scene.clients[role].get(f"/cases/{scene.keys['case']}").text
    for number in (PHONE, IDENTITY, CARD, SECOND_PHONE):
        assert number in page


def test_an_administrator_who_takes_part_reads_them_and_the_journal_says_so(scene: Scene) -> None:
    scene.renew()
    admin, path = scene.clients["admin"], f"/tasks/{scene.keys['task']}"
    assert IDENTITY not in admin.get(path).text
    assert admin.post(f"{path}/assign", {"to": "adam"}).status_code == 303
    assert IDENTITY in admin.get(path).text
    assert "把“对照票据”交给亚当" in words(scene.clients["member"].get(f"/cases/{scene.keys['case']}"))


@pytest.mark.parametrize("role", [role for role in ROLES if role != "anonymous"])
def test_lists_hold_no_whole_numbers(scene: Scene, role: str) -> None:
    client = scene.clients[role]
    for page in (
        client.get("/tasks"),
        client.get("/cases"),
        client.post("/cases", {"text": NAME}),
        client.get("/incidents"),
        client.get("/audit/documents"),
    ):
        for number in (PHONE, IDENTITY, CARD, SECOND_PHONE):
            assert number not in page.text, page.request.path


class Links(HTMLParser):
    """Collects what a page may ask for: the addresses in its attributes and in its data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)
        self.found |= set(re.findall(r'"((?:/|https?:)[^"\\<> ]*)"', page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name in ("href", "src", "action", "formaction", "data", "poster") or name.startswith("hx-")):
                self.found.add(value)


def test_no_address_carries_personal_data(scene: Scene) -> None:
    """Walk every link that staff can reach: addresses end up in histories, logs and over shoulders."""
    secret = re.compile(rf"{PHONE}|5678|{IDENTITY}|{CARD}|{SECOND_PHONE}|{NAME}|林|lin\.xiao|燃气灶", re.IGNORECASE)
    for role in ("member", "starter", "auditor", "admin", "owner"):
        client = scene.clients[role]
        todo, seen = ["/tasks"], set()
        client.post("/tasks", {"text": NAME})
        while todo:
            path = todo.pop()
            if path in seen or len(seen) > 150:
                continue
            seen.add(path)
            answer = client.get(path)
            assert answer.status_code in (200, 302, 304), path
            if answer.mimetype != "text/html":
                continue
            for link in Links(answer.text).found:
                assert not secret.search(unquote(link)), (path, link)
                local = link.startswith("/") and not link.startswith(("/assets", "/static", "/fonts", "/sign-out"))
                local = local and not link.startswith("/reports?")  # the periods before lead on without end
                if local and "_csrf" not in link and is_read(scene, link):
                    todo.append(link.partition("#")[0])
        for posted in (
            client.post("/cases", {"text": NAME}),
            client.post("/cases", {"text": PHONE}),
            client.post("/tasks", {"text": NAME}),
        ):
            assert not any(secret.search(unquote(link)) for link in Links(posted.text).found)
            assert not secret.search(unquote(posted.location or ""))
        assert len(seen) > 10


def is_read(scene: Scene, link: str) -> bool:
    adapter = scene.office.app.url_map.bind("localhost")
    return adapter.test(link.partition("?")[0].partition("#")[0], method="GET")


def test_the_session_cookie_holds_no_personal_data(scene: Scene) -> None:
    """It is signed, not secret: whoever has the browser can read it."""
    client = scene.clients["member"]
    client.post(f"/cases/{scene.keys['case']}/comments", {"text": STORY})
    cookie = client.client.get_cookie("hejie_session")
    assert cookie is not None
    content: Any = scene.office.app.session_interface.get_signing_serializer(scene.office.app)
    assert isinstance(content, URLSafeTimedSerializer)
    kept = str(content.loads(cookie.value))
    for secret in (PHONE, IDENTITY, CARD, NAME):
        assert secret not in kept
