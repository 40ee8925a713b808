"""Twenty people complete one task at the same moment, each in a browser."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests

from tests.faults.threads import at_once
from tests.security.conftest import office_settings
from tests.web.office import PASSWORD, open_office
from web.server import Server, in_background

CROWD = 20


def test_one_succeeds_and_nineteen_are_told_who_did_it(tmp_path: Path) -> None:
    with open_office(office_settings(tmp_path)) as office:
        case = office.register()
        task = office.open_tasks(case)["compare"]
        server = Server(office.app, host="127.0.0.1", port=0, threads=8)
        with in_background(server):
            address = f"http://127.0.0.1:{server.port}"
            browsers = [_signed_in(address, "anna" if number % 2 else "bob") for number in range(CROWD)]
            acts = [
                partial(
                    browser.session.post,
                    f"{address}/tasks/{task}/complete",
                    data={"answers": '{"matches": true}', "csrf_token": browser.token},
                    allow_redirects=False,
                    timeout=60,
                )
                for browser in browsers
            ]
            answers = at_once(acts)
            for browser in browsers:
                browser.session.close()
        auditor = office.house.identity.find("audra")
        assert auditor is not None
        done = [item for item in office.house.worklist.case(case, auditor).items if item.key == task]
        assert sorted(answer.status_code for answer in answers) == [303] + [409] * (CROWD - 1)
        [winner] = [
            browser.name for browser, answer in zip(browsers, answers, strict=True) if answer.status_code == 303
        ]
        name = {"anna": "安娜", "bob": "鲍勃"}[winner]
        assert all(name in answer.text for answer in answers if answer.status_code == 409)
        assert [(item.state, item.closed_by) for item in done] == [("COMPLETED", winner)]


def _signed_in(address: str, name: str) -> Any:
    session = requests.Session()

    def token() -> str:
        return str(session.get(f"{address}/session", timeout=60).json()["csrf_token"])

    fields = {"username": name, "password": PASSWORD, "csrf_token": token()}
    assert session.post(f"{address}/sign-in", data=fields, allow_redirects=False, timeout=60).status_code == 303
    return SimpleNamespace(name=name, session=session, token=token())
