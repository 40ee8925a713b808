"""The log is JSON lines, and nothing that people type is in it."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from sqlalchemy.exc import IntegrityError

from engine.database import Database
from tests.web.office import FILLED, Office
from web import logging as lines
from web.logging import FIELDS
from web.settings import Settings


class Log:
    """What was logged."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """Everything logged, from DEBUG on: what must not be in the log must not be there at any level."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    kept = Log()
    lines.configure("debug", kept.stream)
    root.setLevel(logging.DEBUG)  # libraries too
    yield kept
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    for room in ("engine", "forms", "documents", "web"):
        logging.getLogger(room).setLevel(logging.NOTSET)
    logging.captureWarnings(False)


PERSONAL = {
    "name": "欧阳听雪",
    "phone": "13987654321",
    "address": "滨江市望江路九十九号",
    "id_number": "110101199003070011",
    "product": "碧波牌电热水壶",
    "description": "壶身漏电，右手被电伤",
    "search": "听雪",
    "comment": "顾客的女儿来电",
    "photo": "欧阳女士的手.jpg",
    "wrong_name": "ouyang-typed-as-username",
    "wrong_password": "p4ssw0rd-by-mistake",
}


def test_a_walk_through_the_pages_leaves_no_personal_data(office: Office, log: Log) -> None:
    anna = office.client()
    anna.sign_in(PERSONAL["wrong_name"], PERSONAL["wrong_password"])
    anna.sign_in("anna")
    answers = {
        **FILLED,
        "complainant": {name: PERSONAL[name] for name in ("name", "phone", "address", "id_number")},
        "product": {"name": PERSONAL["product"]},
        "description": PERSONAL["description"],
    }
    case = office.register(**answers)
    tasks = office.open_tasks(case)
    anna.post("/cases", {"text": PERSONAL["search"]})
    anna.post("/tasks", {"text": PERSONAL["phone"]})
    anna.post(f"/cases/{case}/comments", {"text": PERSONAL["comment"]})
    photo = io.BytesIO()
    Image.new("RGB", (20, 20)).save(photo, "JPEG")
    photo.seek(0)
    anna.post("/attachments", {"file": (photo, PERSONAL["photo"]), "item": tasks["compare"]})
    bob = office.client("bob")
    bob.post(f"/tasks/{tasks['compare']}/claim")
    bob.post(f"/tasks/{tasks['compare']}/draft", {"answers": json.dumps({"matches": PERSONAL["description"]})})
    bob.post(f"/tasks/{tasks['compare']}/complete", {"answers": json.dumps({"matches": True})})
    for page in ("", "/timeline", "/documents", "/diagrams/refund"):
        bob.get(f"/cases/{case}{page}")
    bob.get(f"/{PERSONAL['name']}?who={PERSONAL['phone']}")
    bob.client.open(f"/tasks?text={PERSONAL['name']}", method="PROPFIND")
    office.clock.at = office.clock.at.replace(year=2027)
    office.work()
    assert len(log.lines) > 20
    assert [name for name, text in PERSONAL.items() if text in log.text] == []
    assert "欧阳" not in log.text


def test_a_request_is_one_line(office: Office, log: Log) -> None:
    case = office.register()
    anna = office.client("anna")
    answer = anna.get(f"/cases/{case}?from=somewhere")
    line = log.lines[-1]
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["event"], line["route"], line["method"]) == ("request", "/cases/<key:key>", "GET")
    assert (line["status"], line["user"], line["level"]) == (200, "anna", "info")
    assert 0 < line["ms"] < 60_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert set(line) <= {"time", "level", "logger", "event", *FIELDS}


def test_an_error_is_told_by_class_and_place_without_its_text(office: Office, log: Log) -> None:
    def fail() -> str:
        raise ValueError(f"could not read {PERSONAL['name']}") from OSError(28, "No space left on device", "/秘密")

    office.app.testing = False
    office.app.view_functions["work_list.show"] = fail
    answer = office.client("anna").get("/tasks")
    assert answer.status_code == 500
    [line] = [line for line in log.lines if line["event"] == "request failed"]
    assert line["error"] == "ValueError < OSError (errno 28: No space left on device)"
    assert any(re.search(r"test_logging\.py:\d+ fail$", place) for place in line["trace"])
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert PERSONAL["name"] not in log.text
    assert "秘密" not in log.text


def test_a_database_error_keeps_its_values_to_itself(settings: Settings, log: Log) -> None:
    database = Database(settings.database_url)
    database.upgrade()
    sql = "INSERT INTO person (username, display_name, active, created_at) VALUES (?, ?, ?, ?)"
    values = (PERSONAL["name"], PERSONAL["address"], True, 1)
    with database.begin() as tx:
        tx.exec_driver_sql(sql, values)
        with pytest.raises(IntegrityError) as caught:
            tx.exec_driver_sql(sql, values)
    logging.getLogger("engine.worker").error("worker pass failed", exc_info=caught.value)
    database.close()
    [line] = [line for line in log.lines if line["event"] == "worker pass failed"]
    assert line["error"].startswith("sqlalchemy.exc.IntegrityError")
    assert "SQLITE_CONSTRAINT_UNIQUE" in line["error"]
    assert PERSONAL["name"] not in log.text


def test_a_library_is_not_quoted(log: Log) -> None:
    logging.getLogger("some.library").error("cannot parse %s", PERSONAL["name"])
    logging.getLogger("some.library").error(f"cannot parse {PERSONAL['name']}")
    logging.getLogger("engine.worker").error("given up after %s claims", 3)
    assert [line["event"] for line in log.lines] == [
        "cannot parse %s",
        "message of test_logging",
        "given up after 3 claims",
    ]


def test_what_nobody_caught_is_a_line_too(log: Log) -> None:
    def fail() -> None:
        raise KeyError(PERSONAL["phone"])

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    [line] = log.lines
    assert (line["level"], line["event"], line["error"]) == ("critical", "uncaught error", "KeyError")


def test_a_proxys_request_id_is_taken_only_from_a_trusted_proxy(office: Office, log: Log) -> None:
    answer = office.client().get("/healthz", headers={"X-Request-ID": "from-outside-123"})
    assert answer.headers["X-Request-ID"] != "from-outside-123"
