"""What a click may cost the database, counted; and that `hejie bench` still measures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.databases import SERVER, empty_postgresql
from tests.web.office import FILLED, Office, open_office
from web import benchmarks
from web.settings import Settings

MOST_STATEMENTS = 12
"""For completing a task through its form, with the session, the form's check and the commit."""


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Office]:
    if request.param == "sqlite":
        with open_office(settings) as opened:
            yield opened
        return
    with empty_postgresql() as url, open_office(replace(settings, database_url=url)) as opened:
        yield opened


def traffic(office: Office) -> tuple[int, int]:
    text = office.house.monitoring.figures.text().decode()
    found = dict(line.split(" ") for line in text.splitlines() if line.startswith("hejie_database_"))
    return tuple(int(float(found[f"hejie_database_{name}_total"])) for name in ("statements", "commits"))  # type: ignore[return-value]


@pytest.mark.parametrize("drafted", [False, True])
def test_completing_a_task_is_one_commit_and_few_statements(office: Office, *, drafted: bool) -> None:
    anna = office.client("anna")
    for measured in (False, True):  # the first reads the deployment and compiles the form
        case = office.house.casework.start_case("refund", {}, by="anna")
        (task,) = case.next_item_keys
        answers = {"answers": json.dumps(FILLED)}
        if drafted:
            assert anna.post(f"/tasks/{task}/draft", answers).status_code == 200
        token = anna.client.get("/session").json["csrf_token"]
        office.house.monitoring.figures.text()  # counts the backlog, and then not again for a while
        before = traffic(office)
        done = anna.client.post(f"/tasks/{task}/complete", data={**answers, "csrf_token": token})
        assert done.status_code == 303
        statements, commits = (after - begun for after, begun in zip(traffic(office), before, strict=True))
        if measured:
            assert commits == 1
            # The office finds who asks in a database of its own connections: one statement that is not counted here.
            assert statements + 1 <= MOST_STATEMENTS


def test_the_benchmark_measures_everything(settings: Settings) -> None:
    server = SERVER.render_as_string(hide_password=False)
    figures = {figure.name: figure for figure in benchmarks.run(settings, server, quick=True)}
    unmeasured = [name for name, figure in figures.items() if not figure.values]
    assert unmeasured == ["任务页首次绘制（Chromium）"]
    assert figures["经 HTTP 完成一个任务：提交"].met
    assert figures["经 HTTP 完成一个任务：SQL 语句"].met
    assert figures["2 页文书中最大的"].met
    assert all(json.dumps(figure.row()) and figure.cells() for figure in figures.values())
