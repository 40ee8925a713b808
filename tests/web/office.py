"""The real application on SQLite, with a small procedure of its own: `refund/`, four tasks, two diagrams."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engine.database import Database
from engine.identity import ADMINISTRATORS, AUDITORS, PROCESS_OWNERS, People
from tests.fakes import FrozenClock
from web import bundles
from web.app import create_app
from web.settings import Settings
from web.wiring import House, open_house

ROOT = Path(__file__).resolve().parents[2]
REFUND = Path(__file__).parent / "refund"
PASSWORD = "long-enough-2026"
PEOPLE = {
    "anna": ("安娜", ["第一接待人", "客服部"]),
    "bob": ("鲍勃", ["客服部"]),
    "charlie": ("查理", ["防损部"]),  # an outsider: nothing of a refund concerns him
    "audra": ("奥德拉", [AUDITORS]),
    "adam": ("亚当", [ADMINISTRATORS]),
    "olga": ("奥尔加", [PROCESS_OWNERS]),
}


@dataclass
class Office:
    """The application, its services and its clock."""

    app: Flask
    house: House
    people: People
    clock: FrozenClock

    def client(self, username: str | None = None) -> Browser:
        browser = Browser(self.app.test_client())
        if username:
            assert browser.sign_in(username).status_code == 303
        return browser

    def work(self) -> None:
        """Do what a worker would do now."""
        self.house.worker.run_once()

    def register(self, by: str = "anna", **answers: Any) -> int:
        """Start a refund, complete its first task, and return the case's key."""
        case = self.house.casework.start_case("refund", {}, by=by)
        self.house.casework.complete_task(case.next_item_keys[0], FILLED | answers, by=by)
        return case.key

    def open_tasks(self, case_key: int) -> dict[str, int]:
        """Return element id -> key of the case's open user tasks."""
        auditor = self.house.identity.find("audra")
        assert auditor is not None
        view = self.house.worklist.case(case_key, auditor)
        return {
            item.element_id: item.key for item in view.items if item.kind == "user_task" and item.state == "CREATED"
        }


FILLED: dict[str, Any] = {
    "complainant": {"name": "林女士", "phone": "13812345678"},
    "product": {"name": "嵌入式燃气灶"},
    "amount": "128.50",
    "description": "打火三次都没有点着，要求退款。",
    "receipt": "no",
}


class Browser:
    """A test client that sends the page's CSRF token along, as a browser does."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, buffered=True, **options)

    def post(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> TestResponse:
        token = self.client.get("/session").json["csrf_token"]
        return self.client.post(path, data={**(data or {}), "csrf_token": token}, buffered=True, **options)

    def sign_in(self, username: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/sign-in", {"username": username, "password": password})


def words(response: TestResponse) -> str:
    """Return the visible text of a page, without tags and scripts."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", response.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def refund_files() -> dict[str, bytes]:
    """Return the small procedure with the real templates of documents."""
    real = bundles.collect(ROOT, ())
    templates = {path: content for path, content in real.items() if path.startswith("documents/templates/")}
    return templates | bundles.collect(ROOT, [REFUND])


@contextmanager
def open_office(settings: Settings) -> Iterator[Office]:
    """Open the application with its people and its procedure deployed."""
    clock = FrozenClock()
    with open_house(settings, clock=clock) as house:
        database = Database(settings.database_url)
        # Real argon2 costs as long as it should; here it only has to be right.
        people = People(database, clock=clock, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        for username, (name, groups) in PEOPLE.items():
            people.add(username, name, PASSWORD, groups, by="system")
        house.casework.deploy(refund_files(), by="system", note="试验", check=lambda files: [])
        app = create_app(replace(house.services(), identity=people), settings)
        app.testing = True
        try:
            yield Office(app, house, people, clock)
        finally:
            database.close()
