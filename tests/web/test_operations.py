"""What machines may ask: alive, ready, and the figures."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.database import Database
from tests.engine.procedures import REMINDED
from tests.web.office import Office, open_office
from web.app import create_app
from web.monitoring import Monitoring, Readiness
from web.monitoring_app import create_monitoring_app
from web.settings import Settings


def figures(text: str) -> dict[str, float]:
    """Return `name{label="value",…}` -> number."""
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_alive_is_told_to_anybody_and_without_the_database(office: Office) -> None:
    browser = office.client("anna")
    broken = replace(office.house.services(), identity=None)  # type: ignore[arg-type]  # asking it would fail
    client = create_app(broken, office.app.extensions["hejie_settings"]).test_client()
    client.set_cookie("hejie_session", browser.client.get_cookie("hejie_session").value)  # type: ignore[union-attr]
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_ready_when_everything_answers(office: Office) -> None:
    answer = office.client().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"ready": True, "problems": {}})


def test_not_ready_while_the_schema_is_behind(office: Office, settings: Settings) -> None:
    database = Database(settings.database_url)
    with database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM alembic_version")
    answer = office.client().get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json["problems"]) == ["database"]
    assert "hejie migrate" in answer.json["problems"]["database"]
    database.close()


def test_an_older_program_goes_on_beside_a_newer_one(office: Office, settings: Settings) -> None:
    database = Database(settings.database_url)
    with database.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = 'of the next release'")
    assert office.client().get("/readyz").status_code == 200
    database.upgrade()  # also when it is started again
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "of the next release"
    database.close()


def test_not_ready_without_a_file_store(office: Office, settings: Settings) -> None:
    assert office.client().get("/readyz").status_code == 200
    assert list((settings.data_dir / "files").iterdir()) == []  # asking leaves nothing behind
    time.sleep(1)  # for so long an answer is kept
    (settings.data_dir / "files").rename(settings.data_dir / "elsewhere")
    (settings.data_dir / "files").write_text("a file where the folder should be")
    answer = office.client().get("/readyz")
    assert (answer.status_code, list(answer.json["problems"])) == (503, ["files"])
    assert str(settings.data_dir) not in answer.text


def test_not_ready_without_a_database(office: Office) -> None:
    nobody_there = Database("postgresql+psycopg://postgres@127.0.0.1:1/nothing")
    house = office.house
    monitoring = Monitoring(nobody_there, house.files, house.feel, house.clock)
    assert monitoring.readiness.problems() == {"database": "无法使用。"}
    told = figures(monitoring.figures.text().decode())
    assert told["hejie_backlog_counted"] == 0
    assert "hejie_overdue_tasks" not in told
    nobody_there.close()


def test_a_part_that_hangs_costs_patience_once_and_one_thread() -> None:
    asked = []
    release = threading.Event()

    def hang() -> None:
        asked.append(1)
        release.wait(10)

    readiness = Readiness({"slow": hang, "sound": lambda: None}, patience=timedelta(seconds=0.1), keep=timedelta(0))
    begun = time.monotonic()
    for _ in range(3):
        assert readiness.problems() == {"slow": "没有及时应答。"}
    assert time.monotonic() - begun < 5
    assert asked == [1]
    release.set()
    for thread in threading.enumerate():
        if thread.name == "readiness":
            thread.join()
    assert readiness.problems() == {}


def test_who_is_about_to_stop_is_not_ready(office: Office) -> None:
    office.house.monitoring.readiness.stopping()
    assert office.client().get("/readyz").status_code == 503
    assert office.client().get("/healthz").status_code == 200


def test_figures_tell_what_happened(office: Office) -> None:
    case = office.register()
    office.house.casework.start_case("refund", {}, by="anna")  # its first task is due after four hours
    office.clock.advance(timedelta(hours=5))
    browser = office.client("anna")
    browser.get(f"/cases/{case}")
    browser.get("/no-such-page")
    browser.client.open("/tasks", method="BREW")
    before = figures(browser.get("/metrics").text)
    assert before["hejie_tasks_completed_total"] == 1
    assert before["hejie_cases_started_total"] == 2
    assert before["hejie_open_items kind=user_task"] == 2
    assert before["hejie_overdue_tasks"] == 1
    assert before["hejie_oldest_due_seconds"] == 0
    assert before["hejie_open_incidents"] == 0
    assert before["hejie_http_requests_total method=GET route=/cases/<key:key> status=200"] == 1
    assert before["hejie_http_requests_total method=GET route=unmatched status=404"] == 1
    assert before["hejie_http_requests_total method=other route=unmatched status=405"] == 1
    assert before["hejie_http_request_seconds_count route=/cases/<key:key>"] == 1


def test_figures_of_the_worker(office: Office, settings: Settings) -> None:
    office.house.casework.deploy(REMINDED, by="system", check=lambda files: [])
    office.house.casework.start_case("reminded", {}, by="system")
    office.clock.advance(timedelta(minutes=61))  # the reminder was due a minute ago, the escalation is to come
    late = figures(office.house.monitoring.figures.text().decode())
    assert late["hejie_due_rows queue=item"] == 1
    assert late["hejie_oldest_due_seconds"] == 60
    office.work()
    database = Database(settings.database_url)
    house = office.house
    fresh = Monitoring(database, house.files, house.feel, house.clock)  # nothing counted before is kept
    told = figures(fresh.figures.text().decode())
    database.close()
    assert told["hejie_due_rows queue=item"] == 0
    assert told["hejie_oldest_due_seconds"] == 0
    told = figures(office.client().get("/metrics").text)
    assert told["hejie_worker_last_look_timestamp_seconds lane=jobs"] > time.time() - 60
    assert told["hejie_timers_fired_total"] == 1


def test_figures_of_documents_and_failures(office: Office) -> None:
    case = office.register()
    for task, answers in (("compare", {"matches": True}), ("approve", {"agreed": "yes"})):
        office.house.casework.complete_task(office.open_tasks(case)[task], answers, by="bob")
    office.work()
    told = figures(office.client().get("/metrics").text)
    assert told["hejie_jobs_performed_total outcome=completed type=render_document"] == 1
    assert told["hejie_document_render_seconds_count"] == 1
    office.house.casework.fail_item(office.open_tasks(case)["pay"], "试验", permanent=True)
    told = figures(office.client().get("/metrics").text)
    assert told["hejie_work_failures_total then=given_up"] == 1


def test_figures_name_nobody(office: Office) -> None:
    case = office.register()
    browser = office.client("anna")
    browser.get(f"/cases/{case}")
    browser.post("/cases", {"text": "林女士"})
    text = browser.get("/metrics").text
    number = office.house.worklist.case(case, office.house.identity.find("audra")).case.number  # type: ignore[arg-type]
    for secret in ("林女士", "13812345678", "anna", "安娜", number, f"/cases/{case}"):
        assert secret not in text


@pytest.fixture
def closed(settings: Settings) -> Iterator[Office]:
    with open_office(replace(settings, metrics_token="a-token-of-the-house")) as opened:
        yield opened


def test_figures_are_for_this_machine(office: Office) -> None:
    browser = office.client()
    assert browser.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code == 200
    assert browser.get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
    assert browser.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403
    # A proxy on this machine asks for somebody elsewhere.
    assert browser.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 403


def test_figures_are_for_who_has_the_token(closed: Office) -> None:
    browser = closed.client()
    assert browser.get("/metrics").status_code == 403
    assert browser.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 403
    allowed = browser.get(
        "/metrics",
        headers={"Authorization": "Bearer a-token-of-the-house"},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert allowed.status_code == 200
    assert allowed.content_type.startswith("text/plain; version=0.0.4")


def test_a_worker_process_answers_the_same_and_nothing_else(office: Office, settings: Settings) -> None:
    client = create_monitoring_app(office.house.monitoring, settings).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json == {"ready": True, "problems": {}}
    assert "hejie_timers_fired_total" in client.get("/metrics").text
    assert client.get("/tasks").status_code == 404


def test_every_figure_is_described_in_the_operations_handbook(office: Office) -> None:
    handbook = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^# TYPE (hejie_\w+?)(?:_total)? ", office.client().get("/metrics").text, re.M))
    assert {name for name in told if not name.endswith("_created") and name not in handbook} == set()
